"""`python -m bench.load`: a load generator of signed webhooks, as a process of its own.

Reads a plan from standard input and writes what came of it to standard output, both JSON. A plan is
`{"connections": n, "calls": [[[url, signature, body], …], …]}`: the requests of one call go out one after the other,
so many calls at a time. The result is `[[[mono, seconds, status], …], …]` in the same order; status 0 is no answer.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import aiohttp
import orjson
import uvloop
from yarl import URL

Post = tuple[str, str, str]
Outcome = tuple[float, float, int]
TIMEOUT = aiohttp.ClientTimeout(total=30)


async def send_all(connections: int, calls: list[list[Post]]) -> list[list[Outcome]]:
    """Send everything; as many calls at a time as there are connections."""
    outcomes: list[list[Outcome]] = [[] for _ in calls]
    left = iter(range(len(calls)))
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:

        async def worker(numbers: Iterator[int]) -> None:
            for number in numbers:
                for post in calls[number]:
                    outcomes[number].append(await _send(session, *post))

        await asyncio.gather(*(worker(left) for _ in range(connections)))
    return outcomes


async def _send(session: aiohttp.ClientSession, url: str, signature: str, body: str) -> Outcome:
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    began = time.monotonic()
    try:
        async with session.post(URL(url, encoded=True), data=body.encode(), headers=headers) as answer:
            await answer.read()
            status = answer.status
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    return began, time.monotonic() - began, status


def main() -> None:
    """Read, send, write."""
    plan = orjson.loads(sys.stdin.buffer.read())
    outcomes = uvloop.run(send_all(plan["connections"], plan["calls"]))
    sys.stdout.buffer.write(orjson.dumps(outcomes))


if __name__ == "__main__":
    main()
