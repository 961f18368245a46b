"""One trial: a campaign under faults, held against the ledger when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from history.check import read_history
from history.options import Options
from history.report import as_text, is_clean, judge
from history.times import Times
from tests.crashpoints.campaign import Campaign, Scenes
from tests.crashpoints.points import IN_DOUBT, Fault
from tests.crashpoints.rig import TIMES, Rig

COMPLETED = ("main", "last")
REST_SECONDS = 60.0


@dataclass(frozen=True)
class Trial:
    """A system and a folder for what happens to it; the files in it are of all campaigns so far."""

    rig: Rig
    folder: Path

    async def run(self, *faults: Fault, scenes: Scenes, record: Path | None = None) -> list[Fault]:
        """Play a campaign under these faults, judge it, and return which of them struck."""
        campaign = Campaign(self.rig, scenes, self.folder / "actions.jsonl")
        async with self.rig.under(*faults, record=record):
            await campaign.play()
            struck = list(self.rig.struck)
            if any(fault.do == "stop" and fault.point.name == IN_DOUBT for fault in struck):
                self._excuse(campaign.business.account)
            else:
                await _judge_runs(campaign)
            await self._judge_history()
            for name in COMPLETED:
                await campaign.runs[name].over("completed", "completed")
        return struck

    def _excuse(self, account: str) -> None:
        with (self.folder / "faults.jsonl").open("ab") as file:
            file.write(orjson.dumps({"fault": "create_late", "account": account}) + b"\n")

    async def _judge_history(self) -> None:
        faults = self.folder / "faults.jsonl"
        options = Options(
            ledger=self.rig.stack.run.state / "ledger.jsonl",
            database=self.rig.stack.database_url,
            times=Times.picked(TIMES | {"MAX_CALL_SECONDS": "36000"}),
            actions=self.folder / "actions.jsonl",
            faults=faults if faults.exists() else None,
            wait=REST_SECONDS,
        )
        history = await read_history(options)
        judgements = judge(history)
        assert is_clean(judgements), "\n".join(as_text(history, judgements, 5))


async def _judge_runs(campaign: Campaign) -> None:
    for run in campaign.runs.values():
        await run.judge()
