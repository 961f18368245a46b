"""The table of a bench's results, in Markdown: for bench/results, and between two marks in the README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.bench import Measured
from bench.figures import Figure
from bench.results import Results

OURS = "ringfence"
ENGINES = {
    OURS: "Ringfence",
    "rq_semaphore": "RQ, Redis semaphore",
    "celery_retry": "Celery, retries",
    "procrastinate_locks": "Procrastinate, locks",
}
"""Engines by the name in the results, in the order of their columns, as people call them."""
RQ = "RQ"
RULES = "abcdefghij"
CLEAN = "nothing violated"


@dataclass(frozen=True)
class Row:
    """One line: a figure, the one that it is divided by (`over`, called `word`), and what it should come to.

    `more` and `less` say which is the better, where other engines are compared with ours.
    """

    measure: str
    label: str
    figure: str
    over: str | None = None
    word: str = ""
    aim: str = ""
    better: Literal["", "more", "less"] = ""


FIRST_ROWS = (
    Row("turnaround", "turnaround at rest, p50", "rest p50", "floor p50", "floor", "2 × floor", "less"),
    Row("turnaround", "turnaround at rest, p99", "rest p99", "floor p99", "floor", f"4 × floor; 20 × {RQ}", "less"),
    Row("turnaround", "turnaround at rest, longest", "rest max", "floor max", "floor", "", "less"),
    Row("turnaround", "turnaround at half of saturation, p50", "half p50", "floor p50", "floor", "", "less"),
    Row("turnaround", "turnaround at half of saturation, p99", "half p99", "floor p99", "floor", "", "less"),
    Row("turnaround", "turnaround at half of saturation, longest", "half max", "floor max", "floor", "", "less"),
    Row("turnaround", "the floor, p50", "floor p50"),
    Row("turnaround", "the floor, p99", "floor p99"),
    Row("turnaround", "the floor, a lap every 30 ms, p50", "paced floor p50"),
    Row("turnaround", "the floor, a lap every 30 ms, p99", "paced floor p99"),
    Row("saturation", "completed calls at saturation", "calls", aim=f"500/s; 5 × {RQ}, 3 × others", better="more"),
)
SECOND_ROWS = (
    Row("slot_use", "slots in use, calls of 1 s", "calls of 1 s", aim="98 %"),
    Row("slot_use", "slots in use, calls of 5 s", "calls of 5 s", aim="99.5 %"),
    Row("slot_use", "slots in use, calls of 30 s", "calls of 30 s"),
)
QUEUE_ROWS = (
    Row("queue", "leads handed in and started", "handed in", better="more"),
    Row("queue", "one-lead run behind them, to its ring", "one lead", better="less"),
)
LAST_ROWS = (
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
    there = {name for by_engine in results.measured.values() for name in by_engine}
    engines = [name for name in ENGINES if name in there or name in results.left_out]
    head = ["", *(ENGINES[name] for name in engines), "aim"]
    body = [[row.label, *(_cell(results, row, name) for name in engines), row.aim] for row in _rows(results)]
    body += [["history checker", *(_history(results, name, crash=False) for name in engines), CLEAN]]
    if "crash" in results.measured:
        body += [["history checker after the kill", *(_history(results, name, crash=True) for name in engines), CLEAN]]
    lines = [_line(head), _line("---" for _ in head), *map(_line, body)]
    return f"{_heading(results)}\n\n" + "\n".join(lines) + f"\n{_left_out(results)}{_cpu(results, engines)}"


def _heading(results: Results) -> str:
    return (
        f"Medians of {results.rounds} rounds with their spread (the middle half) in brackets, {results.form} form, "
        f"{results.began[:10]}, on {results.machine}; load before it began {results.load_before:g}."
    )


def _rows(results: Results) -> Iterator[Row]:
    shared = (*FIRST_ROWS, *SECOND_ROWS, *_crash(results), *QUEUE_ROWS)
    rows = [*shared, *_claims(results), *_whale(results), *LAST_ROWS, *_live(results)]
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


def _crash(results: Results) -> Iterator[Row]:
    for measured in list(results.measured.get("crash", {}).values())[:1]:
        killed = f"dialer killed amid {measured.details['leads']} leads ({measured.details['kills']} ×)"
        yield Row("crash", f"{killed}: rung twice", "rung twice")
        yield Row("crash", f"{killed}: not rung {measured.details['wait']:g} s later", "forgotten")
        yield Row("crash", f"{killed}: until all were rung, or the end of that wait", "all rung")


def _whale(results: Results) -> Iterator[Row]:
    for measured in results.measured.get("whale", {}).values():
        label = f"one-lead run beside {measured.details.get('whale_jobs', 0):,} jobs, start to first ring"
        yield Row("whale", f"{label}, p50", "p50")
        yield Row("whale", f"{label}, p99", "p99", aim="50 ms")


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
    over = measured.figures.get(row.over) if row.over else None
    ratio = f" = {number(figure.median / over.median)} × {row.word}" if over and over.median else ""
    return told(figure) + ratio + _beside_ours(results, row, engine, figure)


def _beside_ours(results: Results, row: Row, engine: str, figure: Figure) -> str:
    """How many times better ours is than this engine's, where there is a better."""
    measured = results.measured[row.measure].get(OURS)
    ours = measured.figures.get(row.figure) if measured else None
    if engine == OURS or ours is None or not row.better:
        return ""
    low, high = sorted((figure.median, ours.median))
    if not low:
        return ""
    wins = (ours.median == high) == (row.better == "more")
    return f"; ours {number(high / low)} × {'better' if wins else 'worse'}"


def _left_out(results: Results) -> str:
    return "".join(f"\nLeft out: {ENGINES[name]} ({reason}).\n" for name, reason in results.left_out.items())


def _history(results: Results, engine: str, *, crash: bool) -> str:
    by_measure = [one for name, one in results.measured.items() if (name == "crash") == crash]
    judged = [word for one in by_measure if engine in one and (word := one[engine].judged) is not None]
    if not judged:
        return "–"
    violated: dict[str, int] = {}
    for word in judged:
        for letter, count in word.violated.items():
            violated[letter] = violated.get(letter, 0) + count
    broken = ", ".join(f"({letter}) {count:,} times" for letter, count in violated.items() if count)
    unjudged = " ".join(f"({letter})" for letter in RULES if letter not in violated)
    beside = f"; cannot be judged: {unjudged}" if unjudged else ""
    return f"{sum(word.calls for word in judged):,} calls, {broken or CLEAN}{beside}"


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
