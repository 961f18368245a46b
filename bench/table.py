"""The table of a bench's results, in Markdown: for bench/results, and between two marks in the README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.bench import Measured
from bench.figures import Figure
from bench.results import Results

ENGINES = {"ringfence": "Ringfence"}
"""Engines by the name in the results, in the order of their columns, as people call them."""


@dataclass(frozen=True)
class Row:
    """One line: a figure, the one that it is divided by (`over`, called `word`), and what it should come to."""

    measure: str
    label: str
    figure: str
    over: str | None = None
    word: str = ""
    aim: str = ""


FIRST_ROWS = (
    Row("turnaround", "turnaround at rest, p50", "rest p50", "floor p50", "floor", "2 × floor"),
    Row("turnaround", "turnaround at rest, p99", "rest p99", "floor p99", "floor", "4 × floor"),
    Row("turnaround", "turnaround at rest, longest", "rest max", "floor max", "floor"),
    Row("turnaround", "turnaround at half of saturation, p50", "half p50", "floor p50", "floor"),
    Row("turnaround", "turnaround at half of saturation, p99", "half p99", "floor p99", "floor"),
    Row("turnaround", "turnaround at half of saturation, longest", "half max", "floor max", "floor"),
    Row("turnaround", "the floor, p50", "floor p50"),
    Row("turnaround", "the floor, p99", "floor p99"),
    Row("saturation", "completed calls at saturation", "calls", aim="500/s"),
)
SECOND_ROWS = (
    Row("slot_use", "slots in use, calls of 1 s", "calls of 1 s", aim="98 %"),
    Row("slot_use", "slots in use, calls of 5 s", "calls of 5 s", aim="99.5 %"),
    Row("slot_use", "slots in use, calls of 30 s", "calls of 30 s"),
)
LAST_ROWS = (
    Row("whale", "one-lead run beside a million jobs, start to first ring, p50", "p50"),
    Row("whale", "one-lead run beside a million jobs, start to first ring, p99", "p99", aim="50 ms"),
    Row("intake", "leads from a CSV file", "import", "import copy", "COPY"),
    Row("intake", "leads into a started run", "start", "start copy", "COPY", "0.5 × COPY"),
    Row("intake", "time of that start", "start seconds", aim="3 s"),
    Row("standing", "1,000 waiting runs, CPU of all services", "1000 runs cpu services", aim="3 %"),
    Row("webhook", "callbacks recorded and answered", "callbacks"),
    Row("webhook", "time to a callback's answer, p50", "p50"),
    Row("webhook", "time to a callback's answer, p99", "p99"),
)


def as_markdown(results: Results) -> str:
    """What was measured on what, and the table; it ends with a line break."""
    engines = [name for name in ENGINES if any(name in by_engine for by_engine in results.measured.values())]
    head = ["", *(ENGINES[name] for name in engines), "aim"]
    body = [[row.label, *(_cell(results, row, name) for name in engines), row.aim] for row in _rows(results)]
    body += [["history checker", *(_history(results, name) for name in engines), "nothing violated"]]
    lines = [_line(head), _line("---" for _ in head), *map(_line, body)]
    return f"{_heading(results)}\n\n" + "\n".join(lines) + f"\n{_cpu(results, engines)}"


def _heading(results: Results) -> str:
    return (
        f"Medians of {results.rounds} rounds with their spread (the middle half) in brackets, {results.form} form, "
        f"{results.began[:10]}, on {results.machine}; load before it began {results.load_before:g}."
    )


def _rows(results: Results) -> Iterator[Row]:
    rows = [*FIRST_ROWS, *SECOND_ROWS, *_claims(results), *LAST_ROWS, *_live(results)]
    for row in rows:
        if any(row.figure in one.figures for one in results.measured.get(row.measure, {}).values()):
            yield row


def _claims(results: Results) -> Iterator[Row]:
    """A row for each backlog; the p50 beside that of the smallest one with as many businesses, or with 1,000."""
    for measured in results.measured.get("claim_cost", {}).values():
        for name in measured.figures:
            who, _, backlog = name.removesuffix(" p50").partition(" ")
            if name.endswith(" p50"):
                held = " snapshot held"
                businesses = backlog.removesuffix(held).split(" jobs ")[1]
                smallest = [f"{who} 1e3 jobs {one} p50" for one in (businesses, "1000 businesses")]
                over = next((one for one in smallest if one in measured.figures and one != name), None)
                aim = "1.2 × 1e3 jobs" if held in name else "1.1 × 1e3 jobs" if over else ""
                label = f"claim by {who}: {backlog.replace(' jobs ', ' jobs, ').replace(held, ',' + held)}, p50"
                yield Row("claim_cost", label, name, over, "1e3 jobs", aim)


def _live(results: Results) -> Iterator[Row]:
    for measured in results.measured.get("standing", {}).values():
        for name in measured.figures:
            if name.endswith(" calls cpu services"):
                yield Row("standing", f"{int(name.split()[0]):,} live calls, CPU of all services", name)


def _cell(results: Results, row: Row, engine: str) -> str:
    measured = results.measured.get(row.measure, {}).get(engine)
    figure = measured.figures.get(row.figure) if measured else None
    if measured is None or figure is None:
        return "–"
    over = measured.figures[row.over] if row.over else None
    ratio = f" = {number(figure.median / over.median)} × {row.word}" if over and over.median else ""
    return told(figure) + ratio


def _history(results: Results, engine: str) -> str:
    words = [by_engine[engine].judged for by_engine in results.measured.values() if engine in by_engine]
    judged = [word for word in words if word is not None]
    violated: dict[str, int] = {}
    for word in judged:
        for letter, count in word.violated.items():
            violated[letter] = violated.get(letter, 0) + count
    broken = ", ".join(f"({letter}) {count:,} times" for letter, count in violated.items() if count)
    return f"{sum(word.calls for word in judged):,} calls, {broken or 'nothing violated'}"


def _cpu(results: Results, engines: Iterable[str]) -> str:
    lines = []
    for engine in engines:
        measured = results.measured.get("saturation", {}).get(engine)
        if measured and (parts := _parts(measured)):
            total = sum(parts.values())
            each = ", ".join(f"{name} {number(ms)}" for name, ms in parts.items())
            lines.append(f"CPU of a call at saturation, {ENGINES[engine]}: {number(total)} ms ({each}).")
    return "".join(f"\n{line}\n" for line in lines)


def _parts(measured: Measured) -> Mapping[str, float]:
    prefix = "cpu "
    return {
        name.removeprefix(prefix): figure.median
        for name, figure in measured.figures.items()
        if name.startswith(prefix) and name != "cpu bench"
    }


def told(figure: Figure) -> str:
    """A median, its unit and its spread."""
    unit = "/s" if figure.unit == "1/s" else figure.unit
    space = "" if unit == "/s" else " "
    return f"{number(figure.median)}{space}{unit} ({number(figure.spread)})"


def number(value: float) -> str:
    """Three digits that count, and none after the point from a hundred up."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
