"""`python -m bench [--only NAME …] [--full] [--rounds N] [--results DIR]`: measure, and write down what came out.

Exit status 0, or 1 where the history checker found a rule broken in a ledger of ours.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import readme
from bench.bench import Bench
from bench.machine import Machine
from bench.options import COMPLETE, Options, parse
from bench.plots import draw_all
from bench.registry import MEASURES
from bench.results import Results
from bench.ringfence import Ringfence
from bench.site import Servers
from bench.sizes import FULL, QUICK
from bench.table import as_markdown
from stack.entry import supervise

TABLE = "bench.md"


async def measure_all(options: Options) -> Results:
    """Take the measures that were asked for, one after the other, on servers of their own."""
    load_before, start = round(os.getloadavg()[0], 2), time.monotonic()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    async with Servers.opened() as servers:
        machine = await Machine.here(database_url=servers.databases.admin_url, amqp_url=servers.brokers.base_url)
        bench = Bench(servers, FULL if options.full else QUICK, options.rounds)
        for name in options.only:
            bench.tell(name)
            bench.measured[name] = {Ringfence.name: await MEASURES[name](bench)}
            for word, figure in bench.measured[name][Ringfence.name].figures.items():
                bench.tell(f"    {word}: {figure.median:g} {figure.unit} (spread {figure.spread:.3g})")
        form = "full" if options.full else "quick"
        seconds = round(time.monotonic() - start)
        return Results(machine, form, options.rounds, began, load_before, seconds, bench.measured)


def publish(results: Results, folder: Path) -> None:
    """The JSON file, the table and the pictures; the README's table too, where everything was measured for it."""
    results.write(folder)
    table = as_markdown(results)
    (folder / TABLE).write_text(table)
    draw_all(results, folder)
    if folder == COMPLETE:
        readme.write()
    print(f"{table}\nAll of it is in {folder}.")


async def bench(options: Options) -> int:
    """The exit status."""
    results = await measure_all(options)
    publish(results, options.results)
    ours = [engines[Ringfence.name].judged for engines in results.measured.values()]
    return int(not all(judged.clean for judged in ours if judged is not None))


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    sys.exit(supervise(lambda: bench(options)))
