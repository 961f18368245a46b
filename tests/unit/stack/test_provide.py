"""What is tried, and in which order, on a machine without RabbitMQ."""

from pathlib import Path

import pytest

from stack import provide
from stack.errors import StackError
from stack.rabbitmq_programs import Engine, Programs

FOUND = Programs(Path("/there"), Path("/there"))


class Machine:
    """A machine on which the scripts named in `works` bring RabbitMQ, and the others fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.works: set[str] = set()
        self.tried: list[str] = []
        self._folder = tmp_path
        monkeypatch.delenv("AMQP_URL", raising=False)
        monkeypatch.setattr(provide, "ROOT", tmp_path)
        monkeypatch.setattr(provide, "_script", self._script)
        monkeypatch.setattr(provide, "_root_prefix", list)
        monkeypatch.setattr(provide, "find_engine", lambda: None)
        monkeypatch.setattr(provide, "find_programs", lambda: FOUND if self.works & set(self.tried) else None)
        monkeypatch.setattr("stack.provide.shutil.which", lambda name: f"/usr/bin/{name}")

    def _script(self, verb: str) -> str:
        self.tried.append(verb)
        script = self._folder / verb
        script.write_text(f"#!/bin/sh\necho the {verb} says why\nexit {0 if verb in self.works else 7}\n")
        script.chmod(0o755)
        return str(script)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_the_system_package_comes_first(machine: Machine) -> None:
    machine.works = {"install", "unpack"}
    provide.provide_rabbitmq()
    assert machine.tried == ["install"]


def test_without_the_right_to_install_the_packages_are_unpacked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.works = {"install", "unpack"}
    monkeypatch.setattr(provide, "_root_prefix", lambda: None)
    provide.provide_rabbitmq()
    assert machine.tried == ["unpack"]


def test_what_failed_is_told_before_the_next_is_tried(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.works = {"unpack"}
    provide.provide_rabbitmq()
    assert machine.tried == ["install", "unpack"]
    assert "status 7" in capfd.readouterr().err


def test_a_container_engine_will_do_when_nothing_can_be_installed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provide, "find_engine", lambda: Engine("/usr/bin/docker"))
    provide.provide_rabbitmq()
    assert machine.tried == ["install", "unpack"]


def test_when_all_failed_the_last_line_says_what_to_install(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StackError, match="install the package rabbitmq-server"):
        provide.provide_rabbitmq()
    assert provide.main() == 1
    assert "rabbitmq-server" in capfd.readouterr().err.splitlines()[-1]
