"""One system for all trials of this folder, and what came of them, told at the end.

`REPORT` names a file in `bench/results` that the figures of a whole run, without a failure, are written to.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.machine import Machine
from bench.report import Report, now
from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from tests.crashpoints.fixtures import standing_trial
from tests.crashpoints.tally import Tally
from tests.crashpoints.trial import Trial

TALLY = pytest.StashKey[Tally]()
MACHINE = pytest.StashKey[Machine]()
SEED, PAIRS = os.environ.get("SEED", "1"), os.environ.get("PAIRS", "40")
LOAD_BEFORE = os.getloadavg()[0]


@pytest.fixture(scope="module")
async def trial(
    request: pytest.FixtureRequest,
    postgres_server: DatabaseServer,
    rabbitmq_server: BrokerServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Trial]:
    """Campaigns under faults."""
    stash = request.config.stash
    stash[TALLY] = tally = Tally()
    async with standing_trial(postgres_server, rabbitmq_server, tmp_path_factory.mktemp("trials"), tally) as made:
        stack = made.rig.stack
        stash[MACHINE] = await Machine.here(database_url=stack.database_url, amqp_url=stack.amqp_url)
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Tell what was tried, and keep it where it is asked for."""
    tally = config.stash.get(TALLY, None)
    if tally is None:
        return
    terminalreporter.section("crash points")
    for line in tally.lines():
        terminalreporter.write_line(line)
    if (file := os.environ.get("REPORT")) and exitstatus == pytest.ExitCode.OK:
        command = f"make crash-points SEED={SEED} PAIRS={PAIRS}"
        Report(command, config.stash[MACHINE], now(), LOAD_BEFORE, tally.counts()).write(Path(file))
