"""How often the figures are read that grow with history."""

from shared.gauges import pause_after


def test_a_reading_takes_a_fiftieth_of_the_time() -> None:
    assert pause_after(0.1) == 5.0


def test_a_reading_that_met_an_outage_leaves_its_figure_old_for_a_minute_at_most() -> None:
    """Else a queue that is long empty is shown as full for as long as anybody looks."""
    assert pause_after(10.0) == 60.0
