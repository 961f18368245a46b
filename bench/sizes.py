"""How much is measured: the quick form ends within five minutes on two cores, the full form takes what it takes."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sizes:
    """Spans in seconds, each of one round; numbers of rounds are apart from this."""

    floor_laps: int
    """Times that the floor's steps are gone through in a round."""
    paced_laps: int
    """The same, each after a pause as long as a call at rest."""
    rest_calls: int
    """Calls in a round of turnaround at rest, or as many as come about in `rest_seconds`."""
    rest_seconds: float
    half_window: float
    saturation_warm_up: float
    saturation_window: float
    slot_use: tuple[tuple[float, float], ...]
    """How long a call lasts, and how long it is measured."""
    claim_paths: tuple[Path, ...]
    """Databases to grow, each by steps of (jobs, businesses)."""
    claim_laps: int
    claim_churn: int
    """Calls that pass while a snapshot is held, before the claims are measured."""
    whale_jobs: int
    whale_starts: int
    import_lines: int
    start_leads: int
    live_calls: int
    standing_window: float
    crashes: int
    """Campaigns that are interrupted, where the rounds are more."""
    crash_wait: float
    """Seconds from a kill after which a lead that was not rung is forgotten."""
    queue_leads: int
    queue_starts: int
    queue_wait: float
    """Seconds for which the last of the small runs is waited for."""
    webhook_calls: int
    """Calls whose three callbacks are sent in a round."""
    rivals: frozenset[str]
    """The measures that the other engines are taken through."""
    rivals_at_half: bool
    """Whether their turnaround is measured at half of saturation too."""
    rivals_calls: float
    """Seconds of the longest calls with which their use of slots is measured."""


QUICK = Sizes(
    floor_laps=60,
    paced_laps=15,
    rest_calls=100,
    rest_seconds=0.8,
    half_window=1.0,
    saturation_warm_up=4.0,
    saturation_window=1.0,
    slot_use=((1.0, 1.0), (5.0, 1.0)),
    claim_paths=(((1_000, 1_000), (100_000, 1_000), (1_000_000, 1_000)),),
    claim_laps=30,
    claim_churn=2_000,
    whale_jobs=100_000,
    whale_starts=6,
    import_lines=8_000,
    start_leads=100_000,
    live_calls=200,
    standing_window=1.0,
    crashes=1,
    crash_wait=14.0,
    queue_leads=500,
    queue_starts=5,
    queue_wait=5.0,
    webhook_calls=300,
    rivals=frozenset({"saturation", "turnaround", "crash"}),
    rivals_at_half=False,
    rivals_calls=1.0,
)
FULL = Sizes(
    floor_laps=400,
    paced_laps=100,
    rest_calls=400,
    rest_seconds=6.0,
    half_window=8.0,
    saturation_warm_up=10.0,
    saturation_window=10.0,
    slot_use=((1.0, 5.0), (5.0, 8.0), (30.0, 20.0)),
    claim_paths=(
        tuple((jobs, 1_000) for jobs in (1_000, 100_000, 1_000_000, 10_000_000)),
        *(tuple((jobs, businesses) for jobs in (1_000, 100_000, 1_000_000)) for businesses in (10, 10_000)),
    ),
    claim_laps=80,
    claim_churn=20_000,
    whale_jobs=1_000_000,
    whale_starts=100,
    import_lines=100_000,
    start_leads=100_000,
    live_calls=10_000,
    standing_window=10.0,
    crashes=2,
    crash_wait=120.0,
    queue_leads=3_000,
    queue_starts=30,
    queue_wait=20.0,
    webhook_calls=3_000,
    rivals=frozenset({"saturation", "turnaround", "slot_use", "crash", "queue"}),
    rivals_at_half=True,
    rivals_calls=5.0,
)
