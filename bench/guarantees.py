"""The figures in docs/guarantees.md, written from the files in bench/results: `python -m bench.guarantees`.

Rules: between the two marker comments of a block nothing is written by hand; a file that does not exist leaves its
block with the command that makes it; a count or a figure that a file does not have is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.report import RESULTS, Report

PAGE = Path(__file__).resolve().parent.parent / "docs" / "guarantees.md"
BLOCK = re.compile(r"(<!-- figures: (?P<name>[a-z_]+)\b[^>]*-->\n).*?(<!-- end of figures -->)", re.DOTALL)
TENTHS_FROM = 10.0


@dataclass(frozen=True)
class Line:
    """One figure's line: what is told, and what was aimed at."""

    what: str
    aim: str = ""


@dataclass(frozen=True)
class Block:
    """What stands in one block: the command that makes its file, and how its counts and figures are called."""

    command: str
    counts: Mapping[str, str]
    figures: Mapping[str, Line]


LEDGER = {
    "calls": "calls in the ledger",
    "doubles": "doubles",
    "forgotten": "leads forgotten",
    "leaked": "slots leaked",
    "over_cap": "instants over the cap",
    "rules": "rules of the history checker",
    "violations": "violations of any of them",
}

BLOCKS = {
    "recovery": Block(
        "make recovery",
        LEDGER,
        {
            "kill": Line("pause after `kill -9` of the active dispatcher", "median below 1 s, worst 3 s"),
            "freeze": Line("pause after a freeze (SIGSTOP) of the active dispatcher", "below 15 s"),
            "rabbitmq_away": Line("longest pause while RabbitMQ is away (`kill -9`, 5 s, start)", "below a beat (2 s)"),
            "rabbitmq_back": Line("longest pause from its return until dialling is even"),
            "postgres_back": Line("from PostgreSQL's taking connections again (`kill -9`, start) to the first create"),
            "postgres_whole": Line("the whole pause from its death, its own start included"),
            "decide_callback": Line("dispatcher dead in mid-create: decided by a callback that comes 3 s late"),
            "decide_list": Line("the same, no callback ever comes: decided by the provider's list"),
            "decide_absent": Line("the same, the provider never got the create: given up, the slot free"),
            "undisturbed": Line("for comparison: longest pause in the 3 s before each fault"),
        },
    ),
    "crash_points": Block(
        "make crash-points",
        {
            "points": "crash points",
            "trials": "campaigns played",
            "struck": "faults that struck",
            "kills": "of them kills",
            "freezes": "of them freezes",
            **LEDGER,
        },
        {},
    ),
    "chaos": Block(
        "make chaos",
        {
            "runs_of_chaos": "runs, each with its seed",
            "seconds": "seconds of chaos",
            "kills": "kills survived",
            "freezes": "freezes survived",
            "restarts": "restarts of PostgreSQL and RabbitMQ",
            "cuts": "network cuts",
            **LEDGER,
        },
        {},
    ),
}


def rendered(text: str, results: Path = RESULTS) -> str:
    """The page with every block written anew. ValueError for a block that is unknown, or a result that is no report."""
    return BLOCK.sub(lambda found: f"{found[1]}{_block(found['name'], results)}{found[3]}", text)


def refresh(page: Path = PAGE) -> None:
    """Bring the page up to date."""
    page.write_text(rendered(page.read_text()))


def _block(name: str, results: Path) -> str:
    if name not in BLOCKS:
        raise ValueError(f"no block of figures is called {name}; there are {', '.join(BLOCKS)}")
    block, path = BLOCKS[name], results / f"{name}.json"
    if not path.exists():
        return f"Written by `{block.command}`; no run's figures are kept here yet.\n"
    return "\n\n".join(_parts(block, Report.read(path))) + "\n"


def _parts(block: Block, report: Report) -> Iterator[str]:
    load = f"load before: {report.load_before:g}"
    yield f"`{report.command}` on {report.measured_at:%Y-%m-%d}: {report.machine}; {load}."
    rows = [_row(line, report.figures[name]) for name, line in block.figures.items() if name in report.figures]
    if rows:
        yield "\n".join(["| | median | worst | rounds | aim |", "|---|---|---|---|---|", *rows])
    counts = [f"| {what} | {report.counts[name]:,} |" for name, what in block.counts.items() if name in report.counts]
    if counts:
        yield "\n".join(["| | |", "|---|---|", *counts])


def _row(line: Line, figure: Figure) -> str:
    median, worst = _told(figure.median, figure.unit), _told(figure.most, figure.unit)
    return f"| {line.what} | {median} | {worst} | {len(figure.values)} | {line.aim} |"


def _told(value: float, unit: str) -> str:
    return f"{value:.1f} {unit}" if value >= TENTHS_FROM else f"{value:.2f} {unit}"


if __name__ == "__main__":
    refresh()
