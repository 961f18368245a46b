"""The places that containers work in, and a skip that can be heard where there is no image."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from stack.environment import new_secrets
from tests.image.containers import Container, image_is_there


@pytest.fixture(scope="session", autouse=True)
def image() -> None:
    """Everything here needs the image."""
    if not image_is_there():
        pytest.skip("THE IMAGE WAS NOT RUN: make image-check builds it where buildah and podman can be had")


@pytest.fixture
def secret_files(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """A function that writes secrets into a folder, as an orchestrator mounts them."""

    def write(values: Mapping[str, str]) -> Path:
        folder = tmp_path / "secrets"
        folder.mkdir(exist_ok=True)
        for name, value in values.items():
            (folder / name).write_text(value + "\n")
        return folder

    return write


@pytest.fixture
def account() -> dict[str, str]:
    """A Twilio account and the keys of one installation, made up now."""
    return new_secrets()


@pytest.fixture
def containers() -> Iterator[list[Container]]:
    """Every container that a test starts; all are gone when it has ended."""
    started: list[Container] = []
    yield started
    for container in started:
        container.remove()


@pytest.fixture
async def places(empty_database_url: str, amqp_url: str) -> dict[str, str]:
    """A database without any table, and a virtual host."""
    return {"DATABASE_URL": empty_database_url, "AMQP_URL": amqp_url}
