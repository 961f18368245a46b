"""The table of results, and that the README's is the one that was measured."""

from dataclasses import replace
from pathlib import Path

from bench.bench import Measured
from bench.figures import Figure
from bench.judging import Judged
from bench.machine import Machine
from bench.readme import README, RESULTS, present_section, section, with_section
from bench.results import FILE, Results
from bench.table import as_markdown

MACHINE = Machine(2, "a CPU", 8.0, "Linux", "3.11.7", "18.6", "4.0.0")
JUDGED = Judged(10, {"a": 0, "b": 0})
MEASURED = {
    "turnaround": Measured(
        {"rest p50": Figure.of([9, 10, 11], "ms"), "floor p50": Figure.of([5], "ms")}, {"samples_ms": {}}, JUDGED
    ),
    "saturation": Measured({"calls": Figure.of([300], "1/s"), "cpu webhook": Figure.of([1.5], "ms")}, {}, JUDGED),
    "claim_cost": Measured(
        {
            "small 1e3 jobs 1000 businesses p50": Figure.of([2], "ms"),
            "small 1e6 jobs 1000 businesses p50": Figure.of([3], "ms"),
            "small 1e6 jobs 10000 businesses snapshot held p50": Figure.of([4], "ms"),
        }
    ),
}


def results(**measured: Measured) -> Results:
    return Results(
        MACHINE,
        "quick",
        5,
        "2026-01-02T03:04:05+00:00",
        0.1,
        10,
        {name: {"ringfence": m} for name, m in measured.items()},
    )


def line_with(text: str, word: str) -> str:
    (found,) = [line for line in text.splitlines() if word in line]
    return found


def test_a_figure_stands_beside_the_one_it_is_compared_with() -> None:
    line = line_with(as_markdown(results(**MEASURED)), "at rest, p50")
    assert "10.0 ms (2.00) = 2.00 × floor" in line


def test_a_claim_is_compared_with_the_smallest_backlog() -> None:
    text = as_markdown(results(**MEASURED))
    assert "= 1.50 × 1e3 jobs" in line_with(text, "small: 1e6 jobs, 1000 businesses, p50")
    assert "= 2.00 × 1e3 jobs" in line_with(text, "snapshot held")


def test_what_was_not_measured_has_no_line() -> None:
    text = as_markdown(results(saturation=MEASURED["saturation"]))
    assert "turnaround" not in text
    assert "300/s (0.00)" in line_with(text, "completed calls")


def test_rules_that_were_broken_are_named() -> None:
    broken = Measured({}, judged=Judged(7, {"a": 0, "c": 3}))
    text = as_markdown(results(saturation=MEASURED["saturation"], whale=broken))
    assert "17 calls, (c) 3 times" in line_with(text, "history checker")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = results(**MEASURED)
    written.write(tmp_path)
    assert Results.read(tmp_path) == written


def test_the_readme_gets_its_table_once_and_then_keeps_its_place() -> None:
    once = with_section("# Ringfence\n\n## Read on\n\nmore\n", results(**MEASURED))
    assert present_section(once) == section(results(**MEASURED))
    assert with_section(once, results(**MEASURED)) == once
    again = with_section(once, results(saturation=MEASURED["saturation"]))
    assert again.count("## How fast") == again.count("## Read on") == 1
    assert present_section(again) == section(results(saturation=MEASURED["saturation"]))


def test_the_readme_says_what_was_measured_and_nothing_else() -> None:
    """Breaks when somebody edits a figure by hand, or leaves the README behind (`python -m bench.readme`)."""
    measured = section(Results.read(RESULTS)) if (RESULTS / FILE).exists() else None
    assert present_section(README.read_text()) == measured


def beside(measure: str, figure: str, unit: str, **values: float) -> Results:
    """One figure of several engines."""
    only = results()
    engines = {name: Measured({figure: Figure.of([value], unit)}, {}, JUDGED) for name, value in values.items()}
    return replace(only, measured={measure: engines})


def test_another_engine_stands_beside_ours_with_the_ratio() -> None:
    times = beside("turnaround", "rest p99", "ms", ringfence=10, rq_semaphore=980)
    assert "| 10.0 ms (0.00) | 980 ms (0.00); ours 98.0 × better |" in line_with(as_markdown(times), "at rest, p99")
    rates = beside("saturation", "calls", "1/s", ringfence=400, celery_retry=50, procrastinate_locks=800)
    line = line_with(as_markdown(rates), "completed calls")
    assert "50.0/s (0.00); ours 8.00 × better" in line
    assert "800/s (0.00); ours 2.00 × worse" in line


def test_a_rule_that_an_engine_cannot_be_held_against_is_not_called_kept() -> None:
    line = line_with(as_markdown(beside("saturation", "calls", "1/s", celery_retry=5)), "history checker")
    assert "nothing violated; cannot be judged: (c) (d) (e) (f) (g) (h) (i) (j)" in line


def test_what_a_kill_led_to_is_judged_apart() -> None:
    broken = Measured(
        {"rung twice": Figure.of([4], "leads")}, {"leads": 60, "wait": 20, "kills": 1}, Judged(64, {"i": 4})
    )
    kept = Measured({"calls": Figure.of([5], "1/s")}, {}, Judged(9, dict.fromkeys("abcdefghij", 0)))
    text = as_markdown(results(saturation=kept, crash=broken))
    assert "| 9 calls, nothing violated |" in line_with(text, "history checker |")
    assert "64 calls, (i) 4 times" in line_with(text, "after the kill")


def test_an_engine_that_could_not_be_had_has_an_empty_column_and_a_reason() -> None:
    text = as_markdown(replace(results(saturation=MEASURED["saturation"]), left_out={"rq_semaphore": "no Redis"}))
    assert "| – |" in line_with(text, "completed calls")
    assert "Left out: RQ, Redis semaphore (no Redis)." in text
