"""Claim cost: one claim of one job, as the dispatcher makes it, beside a growing backlog.

One business (the whale) holds nearly all jobs and has every slot taken; nine small ones have some, all others one each.
A lap claims a job for a small business and lets its call end, then lets a call of the whale end and claims its next
job; the claims alone are timed, with their commits. Measured again while a transaction elsewhere holds a snapshot from
before thousands of such laps, so that nothing that they left behind can be cleaned up. Nobody is rung.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg

from bench.bench import Bench, Measured
from bench.claimer import Call, Claimer, share_account
from bench.crowd import Crowd
from bench.figures import Figure
from stack.databases import Database

CAP = 10
QUANTILES = {"p50": 0.5, "p99": 0.99}
HELD = "snapshot held"


async def measure(bench: Bench) -> Measured:
    """Figures `small 1e6 jobs 1000 businesses p50` …, `whale …`, and both with `snapshot held`, in ms."""
    figures: dict[str, Figure] = {}
    for path in bench.sizes.claim_paths:
        async with _crowded(bench) as (database, crowd):
            lapper = Lapper(crowd, bench)
            for jobs, businesses in path:
                await lapper.prepare(jobs, businesses)
                bench.tell(f"    {jobs:.0e} jobs, {businesses} businesses")
                figures |= await lapper.measured(_name(jobs, businesses))
            await lapper.prepare(jobs, businesses)
            async with _snapshot(database):
                await lapper.churn(bench.sizes.claim_churn)
                figures |= await lapper.measured(f"{_name(jobs, businesses)} {HELD}")
    return Measured(figures, {"calls_before_the_snapshot_is_measured": bench.sizes.claim_churn})


def _name(jobs: int, businesses: int) -> str:
    return f"{jobs:.0e} jobs {businesses} businesses".replace("e+0", "e")


@asynccontextmanager
async def _crowded(bench: Bench) -> AsyncIterator[tuple[Database, Crowd]]:
    database = await bench.servers.databases.new_database()
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await share_account(connection)
        crowd = Crowd(connection)
        await crowd.found(CAP)
        yield database, crowd
    finally:
        await connection.close()
        await bench.servers.databases.drop(database)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[None]:
    """A transaction that has looked once and then does nothing."""
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await connection.fetchval("SELECT count(*) FROM accounts")
        yield
    finally:
        await connection.close()


class Lapper:
    """Goes through laps."""

    def __init__(self, crowd: Crowd, bench: Bench) -> None:
        self._crowd = crowd
        self._bench = bench
        self._claimer = Claimer(crowd.connection)
        self._house: list[Call] = []
        self._turn = self._turns()

    async def prepare(self, jobs: int, businesses: int) -> None:
        """So many queued jobs and businesses, enough of them with the small ones; the whale's house is full."""
        laps = self._bench.rounds * self._bench.sizes.claim_laps
        await self._crowd.grow(jobs, businesses, small_jobs=math.ceil(laps / len(self._crowd.small)))
        await self._crowd.settle()
        if not self._house:
            await self._claimer.take_lease()
            self._house, _ = await self._claimer.claim(self._crowd.whale, CAP)

    async def measured(self, name: str) -> dict[str, Figure]:
        """Rounds of laps."""
        rounds = [await self._round() for _ in range(self._bench.rounds)]
        figures = {}
        for which, who in enumerate(("small", "whale")):
            own = [Figure.of((1000 * took for took in one[which]), "ms") for one in rounds]
            for word, share in QUANTILES.items():
                figures[f"{who} {name} {word}"] = Figure.of((one.quantile(share) for one in own), "ms")
        return figures

    async def churn(self, calls: int) -> None:
        """So many calls from claim to end, a house at a time."""
        for _ in range(calls // CAP):
            await self._claimer.finish(self._house)
            self._house, _ = await self._claimer.claim(self._crowd.whale, CAP)

    async def _round(self) -> tuple[list[float], list[float]]:
        small, whale = [], []
        for _ in range(self._bench.sizes.claim_laps):
            calls, took = await self._claimer.claim(next(self._turn))
            await self._claimer.finish(calls)
            small.append(took)
            leaving, self._house = self._house[:1], self._house[1:]
            await self._claimer.finish(leaving)
            calls, took = await self._claimer.claim(self._crowd.whale)
            self._house += calls
            whale.append(took)
        return small, whale

    def _turns(self) -> Iterator[int]:
        while True:
            yield from self._crowd.small
