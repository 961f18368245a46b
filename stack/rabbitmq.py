"""A RabbitMQ node of our own, cut off from every other node and setting of this machine.

It and its epmd listen on loopback ports of their own; its cookie, data, plugins and configuration lie in the
run's folder. The node is a throw-away: unless a clean stop is asked for, it ends by SIGKILL, because its
management listener takes six seconds to drain.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from stack.management import Management
from stack.ports import free_port, is_open, until_closed
from stack.processes import Child
from stack.rabbitmq_programs import CONTAINER_IMAGE, Engine, Programs, find_rabbitmq
from stack.rundir import RunDir

USER = "ringfence"
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0
# RabbitMQ (3.10.8, measured) writes the registration of a new quorum queue to disk one second late. Killed before,
# it comes back with a queue that never has a leader again, and whoever uses it waits for ever.
REGISTERED = 2.0
MANAGEMENT = "rabbitmq_management"
PLUGINS = ("rabbitmq_consistent_hash_exchange",)
"""What the system uses beside the management API, which is for us: several partitions need the first."""

HELLO = b"AMQP\x00\x00\x09\x01"
ERLANG_FLAGS = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +sbwt none +sbwtdcpu none"
NODE_CONFIG = """\
listeners.tcp.1 = {listen}:{port}
management.tcp.ip = {listen}
management.tcp.port = {management_port}
default_user = {user}
default_pass = {password}
loopback_users = none
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
log.file = false
log.console = true
"""


class Node:
    """What a private node is whichever way it runs: two ports, one user, start and stop."""

    child: Child

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self._management_port = free_port()
        self._password = secrets.token_urlsafe(16)
        self.name = name
        self.management = Management(f"http://127.0.0.1:{self._management_port}", USER, self._password)

    @property
    def children(self) -> list[Child]:
        return [self.child]

    def url(self, vhost: str = "/") -> str:
        return f"amqp://{USER}:{self._password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    async def start(self) -> None:
        """Start it; returns when it speaks AMQP and its management API answers."""
        self.child.start()
        await self.child.until(self._ready, READY_TIMEOUT)

    async def stop(self) -> None:
        """End it cleanly, which takes some seconds; what is durable is there at the next start."""
        await self.child.stop(STOP_TIMEOUT)

    async def kill(self) -> None:
        """End it as a crash would, once every queue declared before is on its disk (see REGISTERED)."""
        await asyncio.sleep(REGISTERED)
        self.child.end()

    async def close(self) -> None:
        """End it for good, quickly."""
        self.child.end()

    def _config(self, listen: str, port: int, management_port: int) -> str:
        return NODE_CONFIG.format(
            listen=listen, port=port, management_port=management_port, user=USER, password=self._password
        )

    async def _ready(self) -> bool:
        return await _speaks_amqp(self.port) and await self.management.answers()


class LocalNode(Node):
    """A node run by RabbitMQ's own scripts."""

    def __init__(
        self, run: RunDir, programs: Programs, name: str = "rabbitmq", plugins: Sequence[str] = PLUGINS
    ) -> None:
        super().__init__(name)
        self._plugins = plugins
        self._base = run.state / name
        self._epmd_port = free_port()
        self._env = {**programs.environment(), **self._settings()}
        epmd = shutil.which("epmd", path=self._env["PATH"]) or "epmd"
        listen = ["-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = Child("epmd", [epmd, *listen], env=self._env, log=run.log(f"{name}-epmd"))
        server = str(programs.sbin / "rabbitmq-server")
        self.child = Child(name, [server], env=self._env, log=run.log(name), cwd=self._base)

    @property
    def children(self) -> list[Child]:
        return [self.child, self._epmd]

    async def start(self) -> None:
        """Start it, with its epmd if that is not running; returns when it can be used."""
        self._write_files()
        if not self._epmd.running:
            self._epmd.start()
            await self._epmd.until(self._epmd_listens, READY_TIMEOUT)
        await super().start()

    async def close(self) -> None:
        """End it and its epmd for good, quickly."""
        await super().close()
        self._epmd.end()

    async def _epmd_listens(self) -> bool:
        return is_open(self._epmd_port)

    def _settings(self) -> dict[str, str]:
        base = self._base
        return {
            "HOME": str(base / "home"),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"{self.name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(base / "data"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_PID_FILE": str(base / "node.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "etc" / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(base / "etc" / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(base / "etc" / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(base / "etc" / "generated"),
            "RABBITMQ_CONF_ENV_FILE": str(base / "etc" / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_FLAGS,
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the node, and our child is the node
        }

    def _write_files(self) -> None:
        if self._base.exists():
            return
        etc, home = self._base / "etc", self._base / "home"
        for folder in (etc, home, self._base / "log", self._base / "data"):
            folder.mkdir(parents=True)
        _write_secret(home / ".erlang.cookie", secrets.token_hex(16))
        (etc / "enabled_plugins").write_text(_enabled(self._plugins))
        (etc / "advanced.config").write_text("[].\n")
        (etc / "env.conf").touch()
        (etc / "rabbitmq.conf").write_text(self._config("127.0.0.1", self.port, self._management_port))


class ContainerNode(Node):
    """A node in a container, which ends when its standard input does: with us, whatever happens to us."""

    INSIDE_PORT, INSIDE_MANAGEMENT_PORT = 5672, 15672
    COMMAND = "docker-entrypoint.sh rabbitmq-server & cat > /dev/null"

    def __init__(
        self, run: RunDir, engine: Engine, image: str, name: str = "rabbitmq", plugins: Sequence[str] = PLUGINS
    ) -> None:
        super().__init__(name)
        etc = run.state / name
        etc.mkdir()
        (etc / "enabled_plugins").write_text(_enabled(plugins))
        config = self._config("0.0.0.0", self.INSIDE_PORT, self.INSIDE_MANAGEMENT_PORT)  # noqa: S104 - in there
        (etc / "rabbitmq.conf").write_text(config)
        publish = [
            f"--publish=127.0.0.1:{self.port}:{self.INSIDE_PORT}",
            f"--publish=127.0.0.1:{self._management_port}:{self.INSIDE_MANAGEMENT_PORT}",
        ]
        mount = [f"--volume={etc / file}:/etc/rabbitmq/{file}:ro" for file in ("enabled_plugins", "rabbitmq.conf")]
        command = [engine.command, "run", "--rm", "-i", *publish, *mount, image, "sh", "-c", self.COMMAND]
        self.child = Child(name, command, env=os.environ, log=run.log(name), held_open=True)

    async def kill(self) -> None:
        """End it as a crash would; the engine takes a moment to give the ports back."""
        await super().kill()
        await until_closed(self.port, STOP_TIMEOUT)


def private_rabbitmq(run: RunDir, name: str = "rabbitmq", *, plugins: Sequence[str] = PLUGINS) -> Node:
    """A node of whatever kind this machine can run; StackError, saying what to install, if it can run none."""
    found = find_rabbitmq()
    if isinstance(found, Engine):
        return ContainerNode(run, found, CONTAINER_IMAGE, name, plugins)
    return LocalNode(run, found, name, plugins)


def _enabled(plugins: Sequence[str]) -> str:
    return f"[{','.join((MANAGEMENT, *plugins))}].\n"


async def _speaks_amqp(port: int) -> bool:
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(HELLO)
                return await reader.read(1) == b"\x01"
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(0o400)
