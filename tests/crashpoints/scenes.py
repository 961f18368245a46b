"""What a campaign shows beside its plot, because it takes time: scenes in which few points lie."""

from __future__ import annotations

from dataclasses import dataclass

from tests.crashpoints.points import Fault

QUIET = {"api.reconcile", "api.stale", "corrections.stale", "reaper.stale", "reaper.nudge"}
BUSY = {"dispatcher.disown"}
ENDING = {"dispatcher.handover"}
WORD = {"dispatcher.word"}
ROTATION = {"api.reseal"}
OUTLIVED = {"reaper.expiry"}


@dataclass(frozen=True)
class Scenes:
    """`quiet`: runs nobody looks after; `busy`: a locked table; `ending`: a dispatcher that is told to end; `word`: a
    database that only an operator can vouch for; `rotation`: another key for secrets; `outlived`: a call whose end
    nobody can tell; `standby`: a second dispatcher."""

    quiet: bool
    busy: bool
    ending: bool
    word: bool
    rotation: bool
    outlived: bool
    standby: bool

    @classmethod
    def needed(cls, *faults: Fault, standby: bool) -> Scenes:
        """The scenes in which these faults may strike."""
        steps = {fault.point.step for fault in faults}
        return cls(
            quiet=bool(steps & QUIET),
            busy=bool(steps & BUSY),
            ending=bool(steps & ENDING),
            word=bool(steps & WORD),
            rotation=bool(steps & ROTATION),
            outlived=bool(steps & OUTLIVED),
            standby=standby and not steps & WORD,  # it would find nothing waiting, and so nothing to compare
        )


ALL_SCENES = Scenes(quiet=True, busy=True, ending=True, word=True, rotation=True, outlived=True, standby=False)
