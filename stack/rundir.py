"""The files of one running system: `.run/<name>/logs` for people, a state folder for the servers.

A name belongs to the process that holds the lock on its folder, and the kernel gives that up whatever ends
the process. So what a killed run left is known by its free lock, and swept away by the next run.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from stack.errors import StackError

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / ".run"
MAX_TWINS = 100


class RunDir:
    """A claimed `.run/<name>`; `<name>-2` and so on while others hold the name."""

    def __init__(self, name: str, runs: Path = RUNS) -> None:
        _make(runs)
        sweep(runs)
        self.path, self._lock = _claim(name, runs)
        self.name = self.path.name
        shutil.rmtree(self.path / "logs", ignore_errors=True)
        self.logs = self.path / "logs"
        self.logs.mkdir()
        self.state = _state_folder(self.path)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def release(self, *, keep_logs: bool = True) -> None:
        """Remove the state, give the name back, and leave the logs unless told otherwise."""
        if self._lock < 0:
            return
        _remove_state(self.path)
        if not keep_logs:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1


def sweep(runs: Path) -> None:
    """Remove what killed runs left, logs excepted."""
    for folder in sorted(runs.iterdir()):
        if (folder / "state").is_symlink() or (folder / "state").exists():
            lock = _try_lock(folder)
            if lock is not None:
                _remove_state(folder)
                os.close(lock)


def reachable_by_all(path: Path) -> bool:
    """Whether any user of the machine gets through to this path."""
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents] if part.is_dir())


def _make(runs: Path) -> None:
    runs.mkdir(parents=True, exist_ok=True)
    if not os.access(runs, os.W_OK):
        raise StackError(f"{runs} belongs to another user; remove it, or run as that user")


def _claim(name: str, runs: Path) -> tuple[Path, int]:
    for number in range(1, MAX_TWINS):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        folder.mkdir(exist_ok=True)
        lock = _try_lock(folder)
        if lock is not None:
            return folder, lock
    raise StackError(f"{MAX_TWINS} runs called {name} are under way in {runs}")


def _try_lock(folder: Path) -> int | None:
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except FileNotFoundError:  # its owner removed the folder just now
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _state_folder(folder: Path) -> Path:
    """Beside the logs; elsewhere, behind a link, when root's servers run as somebody who gets no further."""
    state = folder / "state"
    if os.geteuid() != 0 or reachable_by_all(folder):
        state.mkdir(mode=0o711)
        return state
    elsewhere = Path(tempfile.mkdtemp(prefix=f"ringfence-{folder.name}-"))
    elsewhere.chmod(0o711)
    state.symlink_to(elsewhere)
    return elsewhere


def _remove_state(folder: Path) -> None:
    state = folder / "state"
    if state.is_symlink():
        shutil.rmtree(state.readlink(), ignore_errors=True)
        state.unlink()
    else:
        shutil.rmtree(state, ignore_errors=True)
