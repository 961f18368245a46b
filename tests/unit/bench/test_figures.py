import math

import pytest

from bench.figures import Figure


def test_median_extremes_and_spread_are_those_of_the_values() -> None:
    figure = Figure.of([4, 1, 3, 2])
    assert (figure.median, figure.least, figure.most, figure.spread) == (2.5, 1, 4, 2)


@pytest.mark.parametrize(("share", "value"), [(0.25, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1, 4)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert Figure.of([4, 1, 3, 2]).quantile(share) == value


@pytest.mark.parametrize("values", [[], [1, math.inf], [math.nan]])
def test_a_figure_without_values_or_with_one_that_is_none_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        Figure.of(values)


@pytest.mark.parametrize("share", [0, 1.01])
def test_a_share_beyond_all_values_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Figure.of([1]).quantile(share)


def test_a_figure_comes_back_from_its_json_as_it_was() -> None:
    figure = Figure.of([0.123456, 7], "1/s")
    assert Figure.from_json(figure.as_json()) == figure
    assert figure.values == (0.1235, 7)
