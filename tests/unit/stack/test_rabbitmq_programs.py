"""Finding RabbitMQ's own scripts, and not what wraps them."""

from pathlib import Path

import pytest

from stack import provide, rabbitmq_programs
from stack.errors import StackError
from stack.rabbitmq_programs import find_programs, find_rabbitmq, unpacked_programs

SCRIPTS = ("rabbitmq-server", "rabbitmqctl", "rabbitmq-env")


def programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it; its PATH is `bin`, RabbitMQ may be under `lib`."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("RABBITMQ_HOME", raising=False)
    monkeypatch.delenv("AMQP_URL", raising=False)
    monkeypatch.setattr(rabbitmq_programs, "PLACES", (str(tmp_path / "lib/rabbitmq_server-*/sbin"),))
    monkeypatch.setattr(rabbitmq_programs, "ERLANG_PLACES", ())
    monkeypatch.setattr(rabbitmq_programs, "OWN_TREE", tmp_path / "tree")
    return tmp_path


def test_the_newest_of_several_is_taken(machine: Path) -> None:
    programs(machine / "bin", "erl")
    for version in ("3.9.27", "3.10.8", "3.8.2"):
        programs(machine / f"lib/rabbitmq_server-{version}/sbin", *SCRIPTS)
    found = find_programs()
    assert found is not None
    assert found.sbin == machine / "lib/rabbitmq_server-3.10.8/sbin"


def test_a_distributions_wrapper_on_the_path_is_passed_over(machine: Path) -> None:
    """It insists on a system user, so a node started by it would not be ours."""
    programs(machine / "bin", "erl", "rabbitmq-server", "rabbitmqctl")
    assert find_programs() is None


def test_scripts_without_an_erlang_are_passed_over(machine: Path) -> None:
    programs(machine / "lib/rabbitmq_server-3.10.8/sbin", *SCRIPTS)
    assert find_programs() is None


def test_unpacked_packages_bring_their_own_erlang_and_libraries(machine: Path) -> None:
    tree = machine / "tree"
    sbin = programs(tree / "usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin", *SCRIPTS)
    erlang = programs(tree / "usr/lib/erlang/bin", "erl")
    libraries = programs(tree / "usr/lib/x86_64-linux-gnu", "libwrap.so.0")
    found = unpacked_programs(tree)
    assert found == rabbitmq_programs.Programs(sbin, erlang, libraries) == find_programs()
    assert found.environment()["PATH"].startswith(f"{erlang}:{sbin}:")
    assert found.environment()["LD_LIBRARY_PATH"] == str(libraries)


def test_a_container_engine_that_answers_is_the_last_resort(machine: Path) -> None:
    programs(machine / "bin", "docker")
    assert find_rabbitmq() == rabbitmq_programs.Engine(str(machine / "bin" / "docker"))


def test_with_nothing_at_all_one_line_says_what_to_install(machine: Path) -> None:
    with pytest.raises(StackError) as told:
        provide.provide_rabbitmq()
    assert "rabbitmq-server" in str(told.value)
    assert "AMQP_URL" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_broker_that_is_given_needs_no_programs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMQP_URL", "amqp://somewhere/")
    provide.provide_rabbitmq()
    assert find_programs() is None
