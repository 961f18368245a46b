"""`python -m bench [--only NAME …] [--engine NAME …] [--full] [--rounds N] [--results DIR]`: measure, write down.

Exit status 0, or 1 where the history checker found a rule broken in a ledger of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import readme, scaling
from bench.options import COMPLETE, Options, parse
from bench.plots import draw_all
from bench.results import Results
from bench.ringfence import Ringfence
from bench.table import as_markdown
from bench.taking import measure_all
from stack.entry import supervise

TABLE = "bench.md"


def publish(results: Results, folder: Path) -> None:
    """The JSON file, the table and the pictures; the README's table too, where everything was measured for it."""
    results.write(folder)
    table = as_markdown(results)
    (folder / TABLE).write_text(table)
    draw_all(results, folder)
    if folder == COMPLETE:
        readme.write()
        scaling.write()
    print(f"{table}\nAll of it is in {folder}.")


async def bench(options: Options) -> int:
    """The exit status."""
    results = await measure_all(options)
    publish(results, options.results)
    ours = [engines[Ringfence.name].judged for engines in results.measured.values() if Ringfence.name in engines]
    return int(not all(judged.clean for judged in ours if judged is not None))


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    sys.exit(supervise(lambda: bench(options)))
