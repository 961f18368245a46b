"""`make demo`, as far as it can be told from outside: its exit status, its words, and what it leaves."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.environment import base_environment
from stack.rundir import ROOT, RUNS

TIMEOUT = 300.0
LEADS = """\
phone,name,city,product
050-0001111,יעל כהן,חיפה,ביטוח רכב
+972 50 000 1111,יעל כהן,חיפה,ביטוח רכב
(212) 555-0147,Ada Park,New York,car insurance
+1 212 555 0147,Ada Park,New York,car insurance
+44 20 7946 0018,Leo Fraser,London,life insurance
03-5550123,"עו""ד אבי לוי",תל אביב,ביטוח דירה
"""


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    file = tmp_path / "few.csv"
    file.write_text(LEADS)
    return file


@pytest.fixture
def many_leads(tmp_path: Path) -> Path:
    """A campaign of half a minute: it is still under way when somebody interrupts it."""
    file = tmp_path / "many.csv"
    file.write_text("phone\n" + "".join(f"+97250200{number:04}\n" for number in range(300)))
    return file


class Demo:
    """A demonstration in a process of its own, started as `make` starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.output = ""
        self.family: set[int] = set()

    async def until(self, word: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            while word not in self.output:
                line = await self._process.stdout.readline()
                assert line, f"ended before it said {word!r}:\n{self.output}"
                self.output += line.decode()
        self.family = below(self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def status(self) -> int:
        rest, _ = await asyncio.wait_for(self._process.communicate(), TIMEOUT)
        self.output += rest.decode()
        assert self._process.returncode is not None
        return self._process.returncode

    async def left(self) -> list[int]:
        """The processes that are still there a moment after its end."""
        await eventually(lambda: not any(map(alive, self.family)))
        return [pid for pid in self.family if alive(pid)]


async def start(file: Path) -> Demo:
    environment = {name: os.environ[name] for name in ("DATABASE_URL", "AMQP_URL") if name in os.environ}
    return Demo(
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "stack", "demo", str(file)),
            cwd=ROOT,
            env={**base_environment(), **environment, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    )


async def eventually(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        await asyncio.sleep(0.05)


def below(pid: int) -> set[int]:
    found = {pid}
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listing.read_text().split():
            found |= below(int(child))
    return found


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def states() -> set[Path]:
    return set(RUNS.glob("demo*/state"))


async def test_a_campaign_runs_to_its_end_and_agrees_with_the_provider(leads: Path) -> None:
    others = states()
    demo = await start(leads)
    await demo.until("logs are in")
    assert await demo.status() == 0, demo.output
    table = dict(row for row in map(cells, demo.output.splitlines()) if row)
    assert table["run"] == "completed (completed)"
    assert table["rung"] == "4"
    assert table["leads rung twice"] == "0"
    assert table["skipped"] == "2 (1 numbers that no phone has, 1 numbers that stood there before)"
    assert "line 4: (212) 555-0147 is refused" in demo.output
    assert "agree on all 4 calls" in demo.output
    assert "All 10 rules of the history checker hold" in demo.output
    assert await demo.left() == []
    assert states() <= others


@pytest.mark.parametrize("times", [1, 2])
async def test_an_interrupted_campaign_leaves_nothing(many_leads: Path, times: int) -> None:
    """Else the next run stumbles over ports, locks and files, or a process rings on by itself."""
    others = states()
    demo = await start(many_leads)
    await demo.until("Run ")
    for _ in range(times):
        demo.signal(signal.SIGINT)
    assert await demo.status() == 128 + signal.SIGINT, demo.output
    assert await demo.left() == []
    assert states() <= others


def cells(line: str) -> tuple[str, str] | None:
    parts = [part.strip() for part in line.split("│")]
    return (parts[1], parts[2]) if len(parts) == 4 else None
