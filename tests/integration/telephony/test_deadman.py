"""A process frozen between the check of its deadline and the first byte: nothing may reach the server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.crashpoints import VARIABLE
from shared.telephony.deadman import EXIT_STATUS, LONGEST_STEP
from stack.rundir import ROOT
from tests.acceptance.waiting import eventually
from tests.integration.telephony.parts import ACCEPTED
from tests.integration.telephony.stub import Stub, answers

PROGRAM = "tests.integration.telephony.one_create"
PATIENCE = 60.0
REFUSED = 3
WITHIN = (0.5, 2.0, 8.0, 32.0)
"""Seconds to send within; a longer time is tried when the machine was too slow for the one before."""


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub(answers(201, ACCEPTED)) as made:
        yield made


async def test_a_process_frozen_between_check_and_bytes_past_its_deadline_ends_instead_of_sending(
    stub: Stub, loop: str
) -> None:
    """Breaks: a dispatcher that wakes after its row was settled rings somebody a second time."""
    process, within = await frozen_dialler(loop, stub, "create.deadline.passed")
    async with ending(process):
        await asyncio.sleep(within + LONGEST_STEP)
        process.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == EXIT_STATUS
    assert (stub.received, stub.requests) == (0, [])


async def test_a_process_frozen_there_for_less_goes_on(stub: Stub, loop: str) -> None:
    process = await dialler(loop, stub, 600.0, "create.deadline.passed")
    async with ending(process):
        assert await stopped(process)
        process.send_signal(signal.SIGCONT)
        assert await ended(process) == 0
    assert len(stub.requests) == 1


async def test_a_process_frozen_before_the_check_is_refused_and_lives(stub: Stub, loop: str) -> None:
    process, within = await frozen_dialler(loop, stub, "create.deadline.asking")
    async with ending(process):
        await asyncio.sleep(within + LONGEST_STEP)
        process.send_signal(signal.SIGCONT)
        assert await ended(process) == REFUSED
    assert stub.received == 0


async def test_a_process_that_has_sent_outlives_its_deadline(stub: Stub, loop: str) -> None:
    """Breaks: every create would end the dispatcher."""
    process, within = await frozen_dialler(loop, stub, "create.bytes.sent")
    async with ending(process):
        process.send_signal(signal.SIGCONT)
        await stub.until(lambda: len(stub.requests) == 1)
        await asyncio.sleep(within + LONGEST_STEP)
        assert await ended(process) == 0


async def frozen_dialler(loop: str, stub: Stub, point: str) -> tuple[asyncio.subprocess.Process, float]:
    """One that has stopped itself at this point, and within how many seconds it might have sent."""
    for within in WITHIN:
        process = await dialler(loop, stub, within, point)
        if await stopped(process):
            return process, within
        assert process.returncode == REFUSED
    raise AssertionError("the machine is too slow for every deadline")


async def dialler(loop: str, stub: Stub, within: float, point: str) -> asyncio.subprocess.Process:
    """The program, which stops itself at this point if it comes to it in time."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM, loop, stub.url, str(within)),
        cwd=ROOT,
        env={**os.environ, VARIABLE: json.dumps({"at": {point: {"do": "stop"}}})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )


@asynccontextmanager
async def ending(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """It has ended when the block has."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stopped(process: asyncio.subprocess.Process) -> bool:
    """Whether it has stopped itself, rather than ended."""

    async def look() -> str | None:
        if process.returncode is not None:
            return "X"
        return "T" if state_of(process.pid) == "T" else None

    return await eventually(look, "a process that stopped itself") == "T"


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:  # it has ended, and we shall be told in a moment
        return "X"


async def ended(process: asyncio.subprocess.Process) -> int:
    """Its status once its input has ended."""
    assert process.stdin is not None
    process.stdin.close()
    return await asyncio.wait_for(process.wait(), PATIENCE)
