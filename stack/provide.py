"""`python -m stack provide`: sees to it that RabbitMQ can be run here. Says nothing when it can already.

In this order: AMQP_URL names one; it is on the machine; the system's package manager may install it; its
packages can be unpacked without installing; a container engine answers; else one line says what to install.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stack.errors import StackError
from stack.rabbitmq_programs import HOW_TO_INSTALL, OWN_TREE, find_engine, find_programs
from stack.rundir import ROOT

HERE = Path(__file__).parent
INSTALL_TIMEOUT = 900.0


def provide_rabbitmq() -> None:
    """Get RabbitMQ if there is none; StackError if it is not to be had."""
    if os.environ.get("AMQP_URL") or find_programs():
        return
    if shutil.which("apt-get"):
        as_root = _root_prefix()
        if as_root is not None and _try("installing the package rabbitmq-server", [*as_root, _script("install")]):
            return
        if _try("unpacking its packages into .tools/", [_script("unpack"), str(OWN_TREE)]):
            return
    if find_engine() is None:
        raise StackError(HOW_TO_INSTALL)
    say("RabbitMQ is not on this machine; a container will run it")


def _root_prefix() -> list[str] | None:
    """What to put before a command so that root runs it; None where that would take a password."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return [sudo, "-n"]
    return None


def _script(verb: str) -> str:
    return str(HERE / f"{verb}_rabbitmq.sh")


def _try(what: str, command: list[str]) -> bool:
    """Whether the command led to a RabbitMQ that can be run; what it printed is shown only if it did not."""
    say(f"RabbitMQ is not on this machine; {what} (nothing of it is started now or at boot)")
    log = ROOT / ".tools" / "rabbitmq-install.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603 - our own scripts
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=INSTALL_TIMEOUT, check=False
        )
    if done.returncode == 0 and find_programs():
        return True
    last = log.read_text(errors="replace").splitlines()[-3:]
    say(f"that failed (status {done.returncode}, more in {log}): {' / '.join(last)}")
    return False


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """The exit status: 0 when RabbitMQ can be run, else 1 after a line that says what to install."""
    try:
        provide_rabbitmq()
    except StackError as error:
        say(str(error))
        return 1
    return 0
