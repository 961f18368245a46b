"""The compose file, as Docker Compose reads it where that is to be had, and as its schema says."""

import json
from typing import Any

import pytest
import yaml

from tests.deploy.tools import BIN, DEPLOY, VENV, run

FILE = DEPLOY / "docker" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES = ("api", "webhook", "dispatcher", "dispatcher-standby", "reaper", "simulator", "migrate")
PROFILES = ("--profile", "simulator", "--profile", "monitoring")


def test_the_file_fits_the_schema_of_compose() -> None:
    done = run(VENV / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """What Compose makes of the file."""
    if not (BIN / "docker-compose").exists():
        pytest.skip("DOCKER COMPOSE WAS NOT ASKED: it is not to be had on this machine")
    done = run(
        BIN / "docker-compose",
        *("--file", FILE, *PROFILES, "config", "--format", "json"),
        WEBHOOK_PUBLIC_URL="https://calls.example.com",
    )
    assert done.returncode == 0, done.stderr
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def test_compose_reads_it(read: dict[str, Any]) -> None:
    assert set(SERVICES) < set(read["services"])


def test_compose_refuses_to_start_without_the_public_address(read: dict[str, Any]) -> None:
    done = run(BIN / "docker-compose", "--file", FILE, "config", "--quiet", WEBHOOK_PUBLIC_URL="")
    assert done.returncode != 0
    assert "WEBHOOK_PUBLIC_URL" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_of_ours_runs_hardened(read: dict[str, Any], name: str) -> None:
    one = read["services"][name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in one


def test_services_start_when_the_schema_is_there(read: dict[str, Any]) -> None:
    for name in ("api", "webhook", "dispatcher", "dispatcher-standby", "reaper"):
        assert read["services"][name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert read["services"][name]["depends_on"]["rabbitmq"]["condition"] == "service_healthy"
    assert read["services"]["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_no_secret_stands_in_the_environment(read: dict[str, Any]) -> None:
    """Those of the simulator are no secrets."""
    secret = {name for name in COMPOSE["secrets"] if name.isupper()}
    for name, one in read["services"].items():
        if name != "simulator":
            assert not secret & set(one.get("environment", {})), name


def test_a_dispatcher_has_time_for_its_calls(read: dict[str, Any]) -> None:
    for name in ("dispatcher", "dispatcher-standby"):
        assert read["services"][name]["stop_grace_period"] == "1m0s"


def test_nothing_is_published_beyond_this_machine(read: dict[str, Any]) -> None:
    published = [port for one in read["services"].values() for port in one.get("ports", ())]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_what_the_file_mounts_is_there() -> None:
    for one in COMPOSE["configs"].values():
        assert (FILE.parent / one["file"]).exists()
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            if volume.startswith("."):
                assert (FILE.parent / volume.split(":")[0]).exists(), volume


def test_the_script_makes_every_secret() -> None:
    script = (FILE.parent / "secrets.sh").read_text()
    for one in COMPOSE["secrets"].values():
        assert f"put {one['file'].rsplit('/', 1)[1]} " in script
