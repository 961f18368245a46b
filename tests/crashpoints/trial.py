"""One trial: a campaign under faults, held against the ledger when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from history.check import read_history
from history.options import Options
from history.report import as_text, is_clean, judge
from history.times import Times
from tests.crashpoints.campaign import Campaign
from tests.crashpoints.points import Fault
from tests.crashpoints.rig import SETTINGS, Rig
from tests.crashpoints.scenes import Scenes
from tests.crashpoints.tally import Tally

COMPLETED = ("main", "last")
UNKNOWN_BY_DESIGN = ("outlived",)
"""Its call is given up without anybody's word, so that the API cannot say what the ledger says."""

REST_SECONDS = 180.0


@dataclass(frozen=True)
class Trial:
    """A system and a folder for what happens to it; the files in it are of all campaigns so far."""

    rig: Rig
    folder: Path
    tally: Tally

    async def run(self, *faults: Fault, scenes: Scenes, record: Path | None = None) -> list[Fault]:
        """Play a campaign under these faults, judge it, and return which of them struck."""
        self.tally.begin(faults)
        campaign = Campaign(self.rig, scenes, self.folder / "actions.jsonl")
        async with self.rig.under(*faults, record=record):
            await campaign.play()
            struck = list(self.rig.struck)
            self.tally.count(struck)
            await _judge_runs(campaign)
            await self._judge_history()
            for name in COMPLETED:
                await campaign.runs[name].over("completed", "completed")
        return struck

    async def _judge_history(self) -> None:
        options = Options(
            ledger=self.rig.stack.run.state / "ledger.jsonl",
            database=self.rig.stack.database_url,
            times=Times.picked(SETTINGS),
            actions=self.folder / "actions.jsonl",
            wait=REST_SECONDS,
        )
        history = await read_history(options)
        judgements = judge(history)
        self.tally.judge(history, judgements)
        assert is_clean(judgements), "\n".join(as_text(history, judgements, 5))


async def _judge_runs(campaign: Campaign) -> None:
    for name, run in campaign.runs.items():
        if name not in UNKNOWN_BY_DESIGN:
            await run.judge()
