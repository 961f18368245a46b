"""What the image is, and what it lacks."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.image.containers import HARDENED, IMAGE, Container, podman

Write = Callable[[Mapping[str, str]], Path]


def inside(script: str) -> str:
    """What a shell in the image says."""
    done = podman(
        "run", "--rm", *HARDENED, "--network", "none", "--entrypoint", "/bin/sh", IMAGE, "-c", f"exec 2>&1; {script}"
    )
    return done.stdout


def test_it_runs_as_nobody_in_particular_and_without_any_power() -> None:
    said = inside("id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status")
    assert said.split()[0] == "10001"
    fields = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
    assert {int(fields[name], 16) for name in ("CapEff", "CapBnd")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_it_cannot_write_into_itself() -> None:
    assert "Read-only file system" in inside("touch /app/x")


@pytest.mark.parametrize("tool", ["gcc", "cc", "make", "uv", "pip", "pip3", "git", "curl", "wget"])
def test_it_holds_no_tool_to_build_or_fetch_with(tool: str) -> None:
    assert inside(f"command -v {tool} || echo none").splitlines()[-1] == "none"


def test_it_holds_the_program_and_its_licence_but_no_tests_and_no_tools_of_development() -> None:
    assert set(inside("ls /app").split()) - {"__pycache__"} == {
        "LICENSE",
        "healthcheck.py",
        "services",
        "shared",
        "simulator",
    }
    said = inside("python -c 'import pytest'; python -c 'import mypy'")
    assert said.count("ModuleNotFoundError") == 2


def test_it_says_how_to_tell_whether_it_is_well() -> None:
    [image] = json.loads(podman("image", "inspect", IMAGE).stdout)
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Entrypoint"] == ["python", "-m"]
    assert "healthcheck.py" in json.dumps(image["Healthcheck"])


@pytest.mark.parametrize("module", ["services.api", "services.webhook", "services.dispatcher", "services.reaper"])
def test_a_service_without_a_secret_says_which_and_ends(module: str, secret_files: Write) -> None:
    secrets = secret_files({"AMQP_URL": "amqp://127.0.0.1/", "JWT_SECRET": "x" * 32})
    done = Container(module, {"WEBHOOK_PUBLIC_URL": "https://calls.example.com"}, secrets).run()
    assert done.returncode == 2
    assert "DATABASE_URL is required" in done.stderr


def test_the_health_check_fails_where_nobody_answers() -> None:
    done = podman("run", "--rm", *HARDENED, "--network", "none", "--entrypoint", "python", IMAGE, "healthcheck.py")
    assert done.returncode == 1
