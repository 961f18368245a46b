"""Which engines are measured on a machine that lacks something."""

import pytest

from bench import engines
from bench.engine import Contender
from bench.options import parse
from bench.registry import OWN, SHARED
from bench.ringfence import Ringfence
from bench.table import ENGINES
from stack.errors import StackError


def test_what_cannot_be_had_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_server() -> Contender:
        raise StackError("redis-server is not here")

    def no_library() -> Contender:
        raise ModuleNotFoundError("No module named 'celery'", name="celery")

    monkeypatch.setitem(engines.LOAD, "rq_semaphore", no_server)
    monkeypatch.setitem(engines.LOAD, "celery_retry", no_library)
    found = engines.find(["ringfence", "rq_semaphore", "celery_retry"])
    assert list(found.found) == ["ringfence"]
    assert found.left_out == {
        "rq_semaphore": "redis-server is not here",
        "celery_retry": "celery is not installed",
    }


def test_every_engine_has_a_column() -> None:
    assert list(engines.LOAD) == list(ENGINES)


def test_the_quick_form_takes_others_through_the_shared_measures_that_it_names() -> None:
    options = parse([])
    assert options.engines_for("saturation") == tuple(engines.LOAD)
    assert options.engines_for("slot_use") == (Ringfence.name,)
    assert options.engines_for("queue") == ()


def test_the_full_form_takes_others_through_every_shared_measure() -> None:
    options = parse(["--full"])
    assert {options.engines_for(measure) for measure in SHARED} == {tuple(engines.LOAD)}
    assert {options.engines_for(measure) for measure in OWN} == {(Ringfence.name,)}


def test_an_engine_asked_for_by_name_is_taken_through_all_that_it_can_be() -> None:
    options = parse(["--engine", "celery_retry"])
    assert options.engines_for("slot_use") == ("celery_retry",)
    assert options.engines_for("webhook") == ()
    assert options.results != parse([]).results
