"""An engine that fails in the middle of a bench, and what becomes of the others' figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.bench import Bench, Measured
from bench.engine import Contender
from bench.engines import Engines
from bench.figures import Figure
from bench.registry import MEASURES
from bench.ringfence import Ringfence
from bench.taking import take
from stack.errors import ChildFailed

RIVAL = "rq_semaphore"
TAKEN = Measured({"calls": Figure.of([1.0], "1/s")})


def under_way(monkeypatch: pytest.MonkeyPatch, *, failing: str) -> tuple[Bench, Engines]:
    async def measure(_bench: Bench, make: Contender) -> Measured:
        if cast(Any, make) == failing:
            raise ChildFailed("worker was not ready within 120 s\n  | its log")
        return TAKEN

    monkeypatch.setitem(cast(Any, MEASURES), "saturation", measure)
    names = (Ringfence.name, RIVAL)
    engines = Engines(cast(Any, {name: name for name in names}), {})
    return cast(Bench, SimpleNamespace(measured={}, tell=lambda _: None)), engines


async def test_a_rival_that_fails_is_left_out_of_the_measure_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the figures of everybody are lost with it."""
    bench, engines = under_way(monkeypatch, failing=RIVAL)
    await take(bench, "saturation", (Ringfence.name, RIVAL), engines)
    assert bench.measured == {"saturation": {Ringfence.name: TAKEN}}
    assert engines.left_out == {RIVAL: "in saturation: worker was not ready within 120 s"}
    assert "LEFT OUT" in capsys.readouterr().err


async def test_our_own_failure_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, engines = under_way(monkeypatch, failing=Ringfence.name)
    with pytest.raises(ChildFailed):
        await take(bench, "saturation", (Ringfence.name, RIVAL), engines)
