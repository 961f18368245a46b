"""`python -m bench.scaling`: write what a call costs into docs/scaling.md. A test compares it with bench/results."""

from __future__ import annotations

from pathlib import Path

from bench.readme import RESULTS
from bench.results import Results
from bench.ringfence import Ringfence
from bench.table import number
from stack.rundir import ROOT

PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- bench/results/bench.json says: -->", "<!-- what it says ends here -->"
GROWS_BY = {
    "dispatcher": "partitions, then dispatchers; one process uses one core",
    "webhook": "replicas, which the HPA adds by CPU",
    "rabbitmq": "nodes; one queue uses one core",
    "postgresql": "cores, then sharding",
    "api": "replicas, for those who watch",
    "reaper": "one, and one to spare",
}
NAMES = {"rabbitmq": "RabbitMQ", "postgresql": "PostgreSQL"}
SHARE = 0.6
"""Of a core, to plan with: claims and creates share it with answers, and a beat must not wait."""


def section(results: Results) -> str:
    """Everything from the first mark to the second."""
    figures = results.measured["saturation"][Ringfence.name].figures
    rows = [
        f"| {NAMES.get(name, name)} | {number(figures[f'cpu {name}'].median)} ms | {grows} |"
        for name, grows in GROWS_BY.items()
    ]
    most = 1000 / figures["cpu dispatcher"].median
    carries = (
        f"So a dispatcher, which uses one core, carries at most {most:,.0f} calls a second of that machine. Plan with"
        f" {SHARE:.0%} of it, {SHARE * most:,.0f} calls a second: claims and creates share the core with answers, and a"
        " beat must not wait."
    )
    head = ["| process | CPU per call | grows by |", "|---|---|---|"]
    said = f"Medians of {results.rounds} rounds, {results.began[:10]}, on {results.machine}:"
    return "\n".join([BEGIN, said, "", *head, *rows, "", carries, END])


def with_section(page: str, results: Results) -> str:
    """The page with these figures in the place of its own."""
    before, _, rest = page.partition(BEGIN)
    return before + section(results) + rest.partition(END)[2]


def write(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Bring the page up to date."""
    page.write_text(with_section(page.read_text(), Results.read(results)))


if __name__ == "__main__":
    write()
