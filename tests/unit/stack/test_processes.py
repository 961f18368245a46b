"""Children and what ends them."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.environment import base_environment
from stack.errors import ChildFailed
from stack.processes import Child

TIMEOUT = 120.0


def child(tmp_path: Path, program: str, **options: object) -> Child:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return Child("stand-in", command, env=base_environment(), log=tmp_path / "stand-in.log", **options)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def holds(log: Path, word: str) -> bool:
    return log.exists() and word in log.read_text()


async def wrote(log: Path, word: str) -> bool:
    return holds(log, word)


async def test_a_child_that_ends_cleanly_on_sigterm_is_not_killed(tmp_path: Path) -> None:
    polite = child(
        tmp_path,
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("up", flush=True)
        time.sleep(600)
        """,
    )
    polite.start()
    await polite.until(lambda: wrote(polite.log, "up"), TIMEOUT)
    assert await polite.stop(TIMEOUT) == 7


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    deaf = child(
        tmp_path,
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("up", flush=True)
        time.sleep(600)
        """,
    )
    deaf.start()
    await deaf.until(lambda: wrote(deaf.log, "up"), TIMEOUT)
    assert await deaf.stop(0.2) == -signal.SIGKILL


async def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    parent = child(
        tmp_path,
        """
        import subprocess, sys
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("grandchild", grandchild.pid, flush=True)
        grandchild.wait()
        """,
    )
    parent.start()
    await parent.until(lambda: wrote(parent.log, "\n"), TIMEOUT)
    grandchild = int(parent.log.read_text().split()[1])
    parent.end()
    wait_until(lambda: not alive(grandchild))


async def test_a_child_that_dies_at_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = child(tmp_path, "raise SystemExit('no such schema')")
    broken.start()
    with pytest.raises(ChildFailed, match=r"ended with status 1\n.*no such schema"):
        await broken.until(lambda: wrote(broken.log, "never written"), TIMEOUT)
    broken.end()


async def test_a_child_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    slow = child(tmp_path, "import time; time.sleep(600)")
    slow.start()
    try:
        with pytest.raises(ChildFailed, match=r"was not ready within 0\.1 s"):
            await slow.until(lambda: wrote(slow.log, "up"), 0.1)
    finally:
        slow.end()


async def test_a_frozen_child_goes_on_where_it_was(tmp_path: Path) -> None:
    counting = child(
        tmp_path,
        """
        import time
        while True:
            print("tick", flush=True)
            time.sleep(0.01)
        """,
    )
    counting.start()
    try:
        await counting.until(lambda: wrote(counting.log, "tick"), TIMEOUT)
        counting.freeze()
        wait_until(lambda: Path(f"/proc/{counting.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        frozen_at = counting.log.stat().st_size
        counting.thaw()
        wait_until(lambda: counting.log.stat().st_size > frozen_at)
    finally:
        counting.end()


def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Else a crashed `make test` leaves servers that keep ports, memory and locks for ever."""
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from stack.environment import base_environment
        from stack.processes import Child
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        child = Child("child", command, env=base_environment(), log=Path({str(tmp_path / "child.log")!r}))
        child.start()
        print(child.pid, flush=True)
        sys.stdin.read()
    """
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=base_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        wait_until(lambda: b"time.sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        supervisor.kill()
    wait_until(lambda: not alive(pid))


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cleans_up_and_tells_its_number(tmp_path: Path, number: signal.Signals, repeated: bool) -> None:
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from stack.entry import supervise
        from stack.environment import base_environment
        from stack.processes import Child
        deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
        log = Path({str(tmp_path / "child.log")!r})
        child = Child("child", [sys.executable, "-c", deaf], env=base_environment(), log=log)

        async def up():
            return log.exists() and "up" in log.read_text()

        async def main():
            child.start()
            try:
                await child.until(up, {TIMEOUT})
                print(child.pid, flush=True)
                await asyncio.sleep(600)
            finally:
                print("cleaning", flush=True)
                await child.stop(600 if {repeated} else 0.2)
                print("clean", flush=True)
            return 0

        sys.exit(supervise(main))
    """
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], env=base_environment(), stdout=subprocess.PIPE, text=True
    )
    with supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        os.kill(supervisor.pid, number)
        assert supervisor.stdout.readline() == "cleaning\n"
        if repeated:
            os.kill(supervisor.pid, number)
        assert supervisor.stdout.readline() == "clean\n"
        assert supervisor.wait(TIMEOUT) == 128 + number
    assert not alive(pid)


async def test_what_a_child_leaves_behind_ends_when_its_own_end_is_noticed(tmp_path: Path) -> None:
    """Later its pid, and with it the number of its group, may be somebody else's."""
    program = """
        import subprocess, sys
        print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
        sys.exit(3)
    """
    leaver = child(tmp_path, program)
    leaver.start()
    assert await leaver.wait(TIMEOUT) == 3
    left = int(leaver.log.read_text())
    deadline = time.monotonic() + TIMEOUT
    while alive(left):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert leaver.end() == 3
