"""A small business behind a whale: from asking for a run with one lead to its first ring.

Another business has `whale_jobs` jobs queued and its 50 slots taken by calls of 5 seconds, so that it takes a job
every tenth of a second. Each start comes from a business of its own, one after the other, and is timed from the sending
of the request to the API to the arrival of the create request at the provider, both on one clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg

from bench.bench import Bench, Measured
from bench.crowd import Crowd
from bench.figures import Figure
from bench.record import Record
from bench.ringfence import Ringfence
from bench.site import Site, site_on
from stack.campaign import TWIML
from stack.errors import StackError

CAP, CALL_SECONDS = 50, 5.0
WARM_UP = 5.0
PAUSE = 0.05
QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
LEAD_OF = "SELECT business_id, max(id) AS id FROM leads WHERE business_id = ANY ($1) GROUP BY 1"


async def measure(bench: Bench) -> Measured:
    """Figures `p50`, `p99`, `max` in ms: a value is that quantile of one round."""
    count = bench.rounds * bench.sizes.whale_starts
    async with _site(bench, count) as (site, crowd):
        engine = Ringfence(site)
        await engine.open()
        await site.set_call_seconds(CALL_SECONDS)
        await asyncio.sleep(WARM_UP)
        began = await _starts(site, crowd)
        await asyncio.sleep(WARM_UP)
        await crowd.disperse()
        await engine.rest()
        judged = await engine.judged()
        asked = {call.business: call.asked for call in Record.read(site.ledger).calls if call.business}
        await engine.close()
    waits = [1000 * (asked[number] - at) for number, at in enumerate(began, 1)]
    rounds = [Figure.of(waits[n :: bench.rounds], "ms") for n in range(bench.rounds)]
    figures = {word: Figure.of((one.quantile(share) for one in rounds), "ms") for word, share in QUANTILES.items()}
    return Measured(
        figures, {"whale_jobs": bench.sizes.whale_jobs, "samples_ms": [round(one, 2) for one in waits]}, judged
    )


@asynccontextmanager
async def _site(bench: Bench, small: int) -> AsyncIterator[tuple[Site, Crowd]]:
    async with site_on(bench.servers) as site:
        connection = await asyncpg.connect(site.database.superuser_url)
        try:
            crowd = Crowd(connection)
            await crowd.found(CAP, small=small)
            await crowd.grow(bench.sizes.whale_jobs, 1 + small, small_jobs=0)
            for number, business_id in enumerate(crowd.small, 1):
                await crowd.lead(business_id, number)
            await crowd.settle()
            yield site, crowd
        finally:
            await connection.close()


async def _starts(site: Site, crowd: Crowd) -> list[float]:
    """When each small business asked for its run, in their order."""
    leads = {row["business_id"]: row["id"] for row in await crowd.connection.fetch(LEAD_OF, crowd.small)}
    url = f"{site.stack.url('api')}/api/outbound_calls/start"
    began = []
    async with aiohttp.ClientSession() as session:
        for business_id in crowd.small:
            headers = {"Authorization": f"Bearer {site.stack.token('operator', business_id)}"}
            body = {"lead_ids": [leads[business_id]], "twiml": TWIML}
            began.append(time.monotonic())
            async with session.post(url, json=body, headers=headers) as answer:
                if answer.status != 201:
                    raise StackError(f"the API answered {answer.status} to a start: {await answer.text()}")
            await asyncio.sleep(PAUSE)
    return began
