"""`python -m bench [--only NAME …] [--full] [--rounds N] [--results DIR]`: measure, and write down what came out.

Exit status 0, or 1 where the history checker found a rule broken in a ledger of ours.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from bench.bench import Bench
from bench.machine import Machine
from bench.options import Options, parse
from bench.registry import MEASURES
from bench.results import Results
from bench.ringfence import Ringfence
from bench.site import Servers
from bench.sizes import FULL, QUICK
from stack.entry import supervise


async def measure_all(options: Options) -> Results:
    """Take the measures that were asked for, one after the other, on servers of their own."""
    began, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    async with Servers.opened() as servers:
        machine = await Machine.here(database_url=servers.databases.admin_url, amqp_url=servers.brokers.base_url)
        bench = Bench(servers, FULL if options.full else QUICK, options.rounds)
        for name in options.only:
            bench.tell(name)
            bench.measured[name] = {Ringfence.name: await MEASURES[name](bench)}
            for word, figure in bench.measured[name][Ringfence.name].figures.items():
                bench.tell(f"    {word}: {figure.median:g} {figure.unit} (spread {figure.spread:.3g})")
        form = "full" if options.full else "quick"
        return Results(machine, form, options.rounds, began, time.monotonic() - start, bench.measured)


async def bench(options: Options) -> int:
    """The exit status."""
    results = await measure_all(options)
    print(results.write(options.results))
    ours = [engines[Ringfence.name].judged for engines in results.measured.values()]
    return int(not all(judged.clean for judged in ours if judged is not None))


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    sys.exit(supervise(lambda: bench(options)))
