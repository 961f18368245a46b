"""Containers of the image with everything taken away that they should not need."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

IMAGE = "localhost/ringfence:check"
CONFIGURATION = Path(__file__).with_name("containers.conf")
HARDENED = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--pids-limit", "256")
TIMEOUT = 240.0
STOP_SECONDS = 120


def podman(*arguments: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run podman to its end, whatever that is."""
    return subprocess.run(
        ["podman", *arguments],
        env={**os.environ, "CONTAINERS_CONF": str(CONFIGURATION)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def image_is_there() -> bool:
    """Whether the image was built and can be run."""
    return shutil.which("podman") is not None and podman("image", "exists", IMAGE).returncode == 0


class Container:
    """One hardened container on this machine's network; what it reads of secrets are files."""

    def __init__(self, module: str, environment: Mapping[str, str], secrets: Path) -> None:
        settings = {**environment, "SECRETS_DIR": "/run/secrets"}
        self._arguments = [
            *HARDENED,
            *("--network", "host", "--memory", "512m", "--tmpfs", "/tmp:size=64m,mode=1777"),
            *("--volume", f"{secrets}:/run/secrets:ro"),
            *(part for name, value in settings.items() for part in ("--env", f"{name}={value}")),
            IMAGE,
            module,
        ]
        self.module = module
        self.id = ""

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return podman("run", "--rm", *self._arguments)

    def start(self) -> None:
        """Leave it running."""
        started = podman("run", "--detach", *self._arguments)
        assert started.returncode == 0, started.stderr
        self.id = started.stdout.strip()

    def execute(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        return podman("exec", self.id, *command)

    async def stop(self) -> int:
        """Ask it to end and return its exit status."""
        await asyncio.to_thread(podman, "stop", "--time", str(STOP_SECONDS), self.id)
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.id).stdout)

    def log(self) -> str:
        """What it has written."""
        done = podman("logs", self.id)
        return done.stdout + done.stderr

    def remove(self) -> None:
        """Leave nothing behind."""
        if self.id:
            podman("rm", "--force", "--time", "0", self.id)
