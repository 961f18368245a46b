"""A program that sends one create to the URL it is given, as a dispatcher does, and lives on until its input ends.

Its status is 3 when the deadline had passed.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from shared import crashpoints
from shared.errors import DeadlinePassed
from shared.telephony.http import ProviderHttp
from tests.integration.telephony.parts import create


async def main(url: str, within: float) -> None:
    async with ProviderHttp(url) as http:
        try:
            await create(http, within=within)
        except DeadlinePassed:
            sys.exit(3)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    crashpoints.arm("one_create")
    loop_factory = uvloop.new_event_loop if sys.argv[1] == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(sys.argv[2], float(sys.argv[3])))
