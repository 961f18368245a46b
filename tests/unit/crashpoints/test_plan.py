"""What the full form tries follows from its seed, and leaves no point out."""

from __future__ import annotations

from tests.crashpoints.points import POINTS, Fault, Point, frozen, killed, pairs
from tests.crashpoints.scenes import ALL_SCENES, Scenes
from tests.crashpoints.source import all_names
from tests.crashpoints.tally import Tally


def test_every_point_is_killed_at_and_frozen_at() -> None:
    """A point that is left out is one at which nothing was ever tried."""
    assert {point.name for point in POINTS} == set(all_names())
    assert [fault.point for fault in killed(POINTS, 1)] == [fault.point for fault in frozen(POINTS)] == POINTS


def test_a_seed_chooses_the_same_again() -> None:
    assert killed(POINTS, 7) == killed(POINTS, 7) != killed(POINTS, 8)
    assert pairs(40, 7) == pairs(40, 7) != pairs(40, 8)
    assert all(first.point != second.point for first, second in pairs(40, 7))


def test_a_scene_is_shown_where_a_point_needs_it_and_only_there() -> None:
    shown = [Scenes.needed(fault, standby=False) for fault in frozen(POINTS)]
    for name in ("quiet", "busy", "ending", "word", "outlived"):
        assert getattr(ALL_SCENES, name)
        assert 0 < sum(getattr(scenes, name) for scenes in shown) < len(POINTS) / 4
    assert Scenes.needed(*frozen(POINTS), standby=False) == ALL_SCENES


def test_the_tally_counts_what_struck_and_not_what_was_tried() -> None:
    here, there = Point("api", "api.stop.before"), Point("reaper", "reaper.settle.before")
    tally = Tally()
    tally.begin([Fault(here), Fault(there)])
    tally.count([Fault(here)])
    tally.begin([Fault(here, "stop")])
    tally.count([Fault(here, "stop")])
    expected = {"points": 1, "trials": 0, "tried": 3, "struck": 2, "kills": 1, "freezes": 1}
    assert tally.counts() == expected
    assert "faults: 3 tried, 1 kills and 1 freezes struck" in list(tally.lines())
