"""What a call costs, as docs/scaling.md says it, is what was measured."""

from __future__ import annotations

from bench import scaling
from bench.bench import Measured
from bench.figures import Figure
from bench.readme import RESULTS
from bench.results import FILE, Results
from tests.unit.bench.test_table import results

CPU = {
    f"cpu {name}": Figure.of([ms], "ms")
    for name, ms in zip(scaling.GROWS_BY, (0.8, 1.4, 0.3, 1.5, 0.0, 0.02), strict=True)
}


def test_the_page_says_what_was_measured_and_nothing_else() -> None:
    """Breaks when somebody edits a figure by hand, or leaves the page behind (`python -m bench.scaling`)."""
    page = scaling.PAGE.read_text()
    if (RESULTS / FILE).exists():
        assert scaling.with_section(page, Results.read(RESULTS)) == page
    assert page.count(scaling.BEGIN) == page.count(scaling.END) == 1


def test_what_a_dispatcher_carries_is_what_its_core_has_time_for() -> None:
    text = scaling.section(results(saturation=Measured(CPU)))
    assert "| dispatcher | 0.80 ms |" in text
    assert "at most 1,250 calls a second" in text
    assert "60% of it, 750 calls a second" in text


def test_the_page_keeps_everything_around_the_figures() -> None:
    page = f"before\n{scaling.BEGIN}\nold\n{scaling.END}\nafter\n"
    text = scaling.with_section(page, results(saturation=Measured(CPU)))
    assert text.startswith(f"before\n{scaling.BEGIN}\n")
    assert text.endswith(f"{scaling.END}\nafter\n")
    assert "old" not in text
