"""Takes the measures that were asked for, one after the other, on servers of their own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.bench import Bench
from bench.engines import Engines, find
from bench.machine import Machine
from bench.options import PARTIAL, Options
from bench.registry import MEASURES, TOGETHER
from bench.results import Results
from bench.ringfence import Ringfence
from bench.site import Servers
from bench.sizes import FULL, QUICK
from bench.table import ENGINES
from stack.errors import StackError
from stack.system import together


async def measure_all(options: Options) -> Results:
    """Take the measures that were asked for, one after the other, on servers of their own.

    Each measure is taken of one engine after the other, with all its rounds: what stands side by side was measured
    within minutes, and no engine's leftovers are in another's way. After each, all so far is kept in the folder of
    partial results: what ends an hour's run must not cost that hour.
    """
    engines = find(options.engines)
    for name, reason in engines.left_out.items():
        _warn(f"{ENGINES[name]} IS LEFT OUT: {reason}")
    load_before, start = round(os.getloadavg()[0], 2), time.monotonic()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    form = "full" if options.full else "quick"
    async with Servers.opened() as servers:
        machine = await Machine.here(database_url=servers.databases.admin_url, amqp_url=servers.brokers.base_url)
        bench = Bench(servers, FULL if options.full else QUICK, options.rounds)

        def results() -> Results:
            seconds = round(time.monotonic() - start)
            return Results(machine, form, options.rounds, began, load_before, seconds, bench.measured, engines.left_out)

        for name in options.only:
            await take(bench, name, options.engines_for(name), engines)
            results().write(PARTIAL)
        return results()


def _warn(text: str) -> None:
    sys.stderr.write(f"{'!' * 70}\n{text}\n{'!' * 70}\n")


async def take(bench: Bench, measure: str, names: Sequence[str], engines: Engines) -> None:
    """Take one measure of these engines. One of the others that fails is left out of it, and named."""

    async def taken_of(name: str) -> None:
        try:
            taken = await MEASURES[measure](bench, engines.found[name])
        except StackError as error:
            if name == Ringfence.name:
                raise
            # What does not come up again after a kill, say, must not cost an hour of everybody's figures.
            reason = f"in {measure}: {str(error).splitlines()[0]}"
            engines.left_out[name] = "; ".join(filter(None, (engines.left_out.get(name), reason)))
            _warn(f"{ENGINES[name]} IS LEFT OUT {reason}")
            return
        bench.measured.setdefault(measure, {})[name] = taken
        bench.tell(f"{measure}, {ENGINES[name]}")
        for word, figure in taken.figures.items():
            bench.tell(f"    {word}: {figure.median:g} {figure.unit} (spread {figure.spread:.3g})")

    there = [name for name in names if name in engines.found]
    if measure in TOGETHER:
        await together(*(taken_of(name) for name in there))
    else:
        for name in there:
            await taken_of(name)
