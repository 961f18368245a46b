"""Each rendering is made once per run."""

from functools import cache

import pytest

from tests.deploy.tools import KUSTOMIZE, OVERLAYS, SCENARIOS, Object, kustomized, objects, rendered, scenario

RENDERINGS = (*(f"helm:{name}" for name in SCENARIOS), *(f"kustomize:{name}" for name in OVERLAYS))


@cache
def text_of(rendering: str) -> str:
    kind, _, name = rendering.partition(":")
    return rendered(*scenario(name)) if kind == "helm" else kustomized(KUSTOMIZE / "overlays" / name)


@pytest.fixture(scope="session", params=RENDERINGS)
def text(request: pytest.FixtureRequest) -> str:
    """One scenario of the chart or one overlay, as text."""
    return text_of(request.param)


@pytest.fixture
def everything(text: str) -> list[Object]:
    """The same as objects."""
    return objects(text)
