"""What a test may do to one service of a running system. The simulator stands for all: it needs no server."""

import signal
import subprocess
from collections.abc import AsyncIterator

import pytest

from stack.environment import Settings, base_environment
from stack.errors import ChildFailed, StackError
from stack.rundir import ROOT
from stack.system import Stack


def only_simulator(settings: Settings | None = None) -> Stack:
    """A system of one service and no server."""
    nowhere = "127.0.0.1:1/nowhere"
    return Stack(
        ["simulator"],
        settings,
        database_url=f"postgresql://{nowhere}",
        amqp_url=f"amqp://{nowhere}",
        name="small",
        keep_logs=False,
    )


@pytest.fixture
async def small() -> AsyncIterator[Stack]:
    async with only_simulator() as stack:
        yield stack


async def test_a_killed_service_comes_back_at_its_address(small: Stack) -> None:
    address = small.url("simulator")
    assert await small.kill("simulator") == -signal.SIGKILL
    assert not small.running("simulator")
    await small.start("simulator")
    assert small.url("simulator") == address
    assert await small.service("simulator").answers("/healthz")


async def test_the_simulators_ledger_outlives_it(small: Stack) -> None:
    account = small.secrets["TWILIO_ACCOUNT_SID"]
    call = {"account": account, "to": "+972500000001", "from": small.secrets["TWILIO_FROM_NUMBER"]}
    sid = (await small.simulator.ask("POST", "calls", call))["sid"]
    await small.kill("simulator")
    await small.start("simulator")
    assert [entry["sid"] for entry in await small.simulator.ledger()] == [sid]


async def test_a_frozen_service_lives_and_does_not_answer(small: Stack) -> None:
    small.freeze("simulator")
    assert small.running("simulator")
    assert not await small.service("simulator").answers("/healthz")
    small.thaw("simulator")
    await small.service("simulator").child.until(lambda: small.service("simulator").answers("/healthz"), 120)


async def test_two_instances_of_one_service_have_ports_and_logs_of_their_own(small: Stack) -> None:
    await small.start("simulator2", {"SIM_SEED": "5"})
    assert small.url("simulator2") != small.url("simulator")
    line = await small.logged("simulator2", "SIMULATOR_START")
    assert line["seed"] == 5
    assert (await small.service("simulator2").metrics())["simulator_calls_live"] == 0


async def test_an_instance_is_not_started_twice(small: Stack) -> None:
    with pytest.raises(StackError, match="simulator is already running"):
        await small.start("simulator")


async def test_a_log_line_that_never_comes_is_reported(small: Stack) -> None:
    with pytest.raises(StackError, match=r"simulator has not logged SIMULATOR_START \{'seed': -1\} within 0\.2 s"):
        await small.logged("simulator", "SIMULATOR_START", timeout=0.2, seed=-1)


async def test_a_bad_setting_is_told_by_the_service_that_refuses_it() -> None:
    with pytest.raises(ChildFailed, match=r"simulator ended with status 2\n.*SIM_TIME_SCALE"):
        async with only_simulator({"SIM_TIME_SCALE": "-1"}):
            pytest.fail("it started")


async def test_nothing_is_left_of_a_system_that_failed_to_start() -> None:
    stack = only_simulator({"SIM_TIME_SCALE": "-1"})
    with pytest.raises(ChildFailed):
        await stack.__aenter__()
    assert not stack.running("simulator")
    assert not stack.run.path.exists()


@pytest.mark.parametrize("target", ["help", ""])
def test_make_lists_every_target_with_what_it_is_for(target: str) -> None:
    command = ["make", "-C", str(ROOT), *([target] if target else [])]
    listing = subprocess.run(command, env=base_environment(), capture_output=True, text=True, check=True).stdout
    told = {line.split()[1] for line in listing.splitlines() if line.startswith("  make ")}
    makefile = (ROOT / "Makefile").read_text()
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert told == set(phony)
