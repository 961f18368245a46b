"""A redis-server of the bench's own: found on the machine, else unpacked from Debian's packages into `.tools`.

It listens on a free port of loopback and keeps an append-only file with an fsync a second
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/): a queue that forgets its jobs when Redis
restarts would be no rival, and an fsync of every write is what hardly anybody runs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from stack.environment import base_environment
from stack.errors import StackError
from stack.ports import free_port
from stack.processes import Child
from stack.rundir import ROOT, RunDir

OWN_TREE = ROOT / ".tools" / "redis"
UNPACK = Path(__file__).with_name("unpack_redis.sh")
UNPACK_TIMEOUT = 300.0
READY_TIMEOUT = 30.0


def provide_redis() -> tuple[Path, dict[str, str]]:
    """The program, and what must be in the environment for it; StackError where it is not to be had."""
    found = shutil.which("redis-server")
    if found:
        return Path(found), {}
    program = OWN_TREE / "usr" / "bin" / "redis-server"
    if not program.exists():
        _unpack()
    folders = sorted(str(path.parent) for path in OWN_TREE.glob("usr/lib/*/*.so.*"))
    return program, {"LD_LIBRARY_PATH": ":".join(dict.fromkeys(folders))}


def _unpack() -> None:
    if not shutil.which("apt-get"):
        raise StackError("redis-server is not on this machine: install the package redis-server (Debian) or redis")
    OWN_TREE.parent.mkdir(exist_ok=True)
    command = [str(UNPACK), str(OWN_TREE)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=UNPACK_TIMEOUT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise StackError(f"redis-server could not be got within {UNPACK_TIMEOUT:g} s") from error
    if done.returncode:
        raise StackError(f"redis-server could not be got: {done.stderr.strip() or done.stdout.strip()}")


class RedisServer:
    """One server, for one engine."""

    def __init__(self, run: RunDir) -> None:
        program, environment = provide_redis()
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        folder = run.state / f"redis-{self._port}"
        folder.mkdir()
        options = {
            "port": str(self._port), "bind": "127.0.0.1", "dir": str(folder), "save": "",
            "appendonly": "yes", "appendfsync": "everysec",
        }  # fmt: skip
        command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
        self.child = Child("redis", command, env={**base_environment(), **environment}, log=run.log("redis"))

    async def start(self) -> None:
        """Start it; returns when it answers."""
        self.child.start()
        await self.child.until(self._answers, READY_TIMEOUT)

    def connect(self) -> Redis:
        return Redis.from_url(self.url)

    async def _answers(self) -> bool:
        try:
            with self.connect() as redis:
                return bool(redis.ping())
        except NotThere:
            return False
