"""The script that makes the secrets of the compose file: what belongs together agrees, and what is there stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).parents[3] / "deploy" / "docker"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the script that has run once."""
    shutil.copy(DOCKER / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    return tmp_path / "secrets"


def test_it_makes_every_secret_of_the_compose_file(folder: Path) -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    wanted = {Path(one["file"]).name for one in compose["secrets"].values()}
    assert {path.name for path in folder.iterdir()} == wanted


def test_servers_and_services_are_given_the_same_passwords(folder: Path) -> None:
    broker = (folder / "rabbitmq_user.conf").read_text().split("default_pass = ")[1].strip()
    assert (folder / "AMQP_URL").read_text().strip() == f"amqp://ringfence:{broker}@rabbitmq/"
    database = (folder / "postgres_password").read_text().strip()
    assert (folder / "DATABASE_URL").read_text().strip() == f"postgresql://ringfence:{database}@postgres/ringfence"
    assert min(len(broker), len(database), len((folder / "JWT_SECRET").read_text().strip())) >= 32


def test_what_is_there_stays(folder: Path) -> None:
    before = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([folder.parent / "secrets.sh"], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_others_on_the_machine_cannot_read_them(folder: Path) -> None:
    assert folder.stat().st_mode & 0o077 == 0
