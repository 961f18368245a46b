"""Whatever fits the schema of the values and contradicts nothing renders to objects that hold together."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.deploy import semantics
from tests.deploy.strategies import NAMES, values
from tests.deploy.test_schemas import judged
from tests.deploy.tools import KUBERNETES, objects, scenario, template

EXAMPLES = 20
CHECKS = (semantics.names, semantics.selectors, semantics.budgets, semantics.containers, semantics.restricted)


def holds_together(chosen: dict[str, Any], name: str, folder: Path) -> bool:
    """Render; False when the chart refused with a sentence."""
    (folder / "values.yaml").write_text(json.dumps(chosen))  # which is YAML that every reader reads alike
    done = template(*scenario("default"), "--values", str(folder / "values.yaml"), name=name)
    if done.returncode != 0:
        assert "validations.yaml" in done.stderr, done.stderr
        return False
    assert [problem for check in CHECKS for problem in check(objects(done.stdout))] == []
    (folder / "rendered.yaml").write_text(done.stdout)
    assert judged(folder / "rendered.yaml", versions=(KUBERNETES[0], KUBERNETES[-1])) == []
    return True


def test_values_are_refused_with_a_sentence_or_render_to_what_works(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tally: Counter[bool] = Counter()

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(chosen=values(), name=NAMES)
    def every_choice(chosen: dict[str, Any], name: str) -> None:
        tally[holds_together(chosen, name, tmp_path_factory.mktemp("values"))] += 1

    every_choice()
    assert tally[True] > EXAMPLES / 3, "too few choices were rendered at all"
