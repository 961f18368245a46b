"""Where RabbitMQ is on this machine: its own scripts, or a container engine that can run it.

Debian's /usr/sbin/rabbitmq-server and its like insist on a system user; the scripts they wrap run as anybody.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError
from stack.rundir import ROOT

OWN_TREE = ROOT / ".tools" / "rabbitmq"
PLACES = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/usr/lib64/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/usr/lib/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin",
    "/opt/rabbitmq*/sbin",
    "/usr/local/rabbitmq*/sbin",
)
ERLANG_PLACES = ("/usr/lib/erlang/bin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin")
CONTAINER_IMAGE = "docker.io/library/rabbitmq:4.2"
ENGINE_TIMEOUT = 10.0
HOW_TO_INSTALL = (
    "RabbitMQ is needed and could not be got here: install the package rabbitmq-server (Debian, Ubuntu, Fedora) "
    "or rabbitmq (Homebrew), start Docker or Podman, or set AMQP_URL to a running server"
)


@dataclass(frozen=True)
class Programs:
    """The folder of RabbitMQ's scripts, with what must be in the environment for them to find Erlang."""

    sbin: Path
    erlang: Path
    libraries: Path | None = None

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.erlang), str(self.sbin), os.environ.get("PATH", os.defpath)])
        loader = {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}
        return {"PATH": path, **loader}


@dataclass(frozen=True)
class Engine:
    """A container engine whose daemon answers."""

    command: str


def find_programs() -> Programs | None:
    """The newest RabbitMQ on the machine that has an Erlang to run on, else the one under `.tools`."""
    erlang = _erlang()
    candidates = _by_version(_installed()) if erlang else []
    if erlang and candidates:
        return Programs(candidates[0], erlang)
    return unpacked_programs(OWN_TREE)


def unpacked_programs(tree: Path) -> Programs | None:
    """What was unpacked from packages under `tree`, without having been installed."""
    scripts = _by_version(tree.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"))
    erlang = tree / "usr/lib/erlang/bin"
    if not scripts or not (erlang / "erl").exists():
        return None
    libraries = next((found.parent for found in tree.glob("usr/lib/*/libwrap.so.0")), None)
    return Programs(scripts[0], erlang, libraries)


def find_engine() -> Engine | None:
    """Docker or Podman, if it is there and answers."""
    for name in ("docker", "podman"):
        command = shutil.which(name)
        if command and _answers([command, "info"]):
            return Engine(command)
    return None


def find_rabbitmq() -> Programs | Engine:
    """What RabbitMQ is to be run with; StackError, saying what to install, if with nothing."""
    found = find_programs() or find_engine()
    if found is None:
        raise StackError(HOW_TO_INSTALL)
    return found


def _installed() -> list[Path]:
    found = [folder for place in PLACES for folder in Path("/").glob(place.lstrip("/"))]
    home = os.environ.get("RABBITMQ_HOME")
    on_path = shutil.which("rabbitmq-server")
    if home:
        found.append(Path(home) / "sbin")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return [folder for folder in found if _is_real(folder / "rabbitmq-server")]


def _is_real(script: Path) -> bool:
    """Whether it is RabbitMQ's own start script, not a distribution's wrapper around it."""
    beside = (script.with_name("rabbitmqctl"), script.with_name("rabbitmq-env"))
    return script.exists() and all(path.exists() for path in beside)


def _by_version(folders: Iterable[Path]) -> list[Path]:
    """Newest first, by the numbers in the name of the folder that holds the scripts."""
    return sorted(folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", folder.parent.name)], reverse=True)


def _erlang() -> Path | None:
    found = shutil.which("erl")
    if found:
        return Path(found).parent
    return next((Path(place) for place in ERLANG_PLACES if (Path(place) / "erl").exists()), None)


def _answers(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=ENGINE_TIMEOUT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
