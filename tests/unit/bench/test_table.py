"""The table of results, and that the README's is the one that was measured."""

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
