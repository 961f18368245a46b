"""`python -m history` as a program: its report, its exit status, and what it does with input that it cannot read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson
import pytest

from tests.integration.history.scene import Scene
from tests.integration.history.settlings import by_answer_and_callback, with_a_second_sid

TIMEOUT = 240.0


async def run(*arguments: object) -> tuple[int | None, str, str]:
    """Exit status, standard output, standard error."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "history", *(str(one) for one in arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(program.communicate(), TIMEOUT)
    return program.returncode, out.decode(), err.decode()


async def campaign(scene: Scene) -> Path:
    """A small honest campaign; its ledger's file."""
    await scene.run(2)
    await by_answer_and_callback(scene, await scene.claim())
    await with_a_second_sid(scene, await scene.claim())
    path = scene.folder / "ledger.jsonl"
    scene.ledger.write(path)
    return path


async def test_an_honest_history_ends_with_0_and_a_line_for_each_rule(scene: Scene) -> None:
    status, out, err = await run("--ledger", await campaign(scene), "--database", scene.url)
    assert (status, err) == (0, "")
    assert [line[:3] for line in out.splitlines() if line.startswith("(")] == [f"({one})" for one in "abcdefghij"]
    assert "VIOLATED" not in out
    assert "clocks may differ by 50 ms" in out


async def test_a_violation_ends_with_1_names_ids_and_shows_neither_number_nor_token(scene: Scene) -> None:
    path = await campaign(scene)
    secrets = [(line["to"], line["token"]) for line in scene.ledger.lines if line["kind"] == "request"]
    await scene.doctor("UPDATE calls SET dial_token = gen_random_uuid()")
    status, out, _ = await run("--ledger", path, "--database", scene.url)
    assert status == 1
    assert "(a) every create carries a token of its own that the database knows: 2 checked, 2 VIOLATED" in out
    assert f"token {secrets[0][1][:4]}…" in out
    assert f"request_id {scene.ledger.lines[0]['request_id']}" in out
    for secret in (secret for pair in secrets for secret in pair):
        assert secret not in out


async def test_the_json_report_is_one_object_with_as_many_violations_as_asked_for(scene: Scene) -> None:
    path = await campaign(scene)
    await scene.doctor("UPDATE calls SET dial_token = gen_random_uuid()")
    status, out, _ = await run("--ledger", path, "--database", scene.url, "--json", "--show", 1)
    report = orjson.loads(out)
    (tokens,) = [rule for rule in report["rules"] if rule["rule"] == "a"]
    assert (status, report["ok"]) == (1, False)
    assert (tokens["checked"], tokens["violated"], len(tokens["violations"])) == (2, 2, 1)


async def test_it_waits_for_rest_no_longer_than_it_was_told_to(scene: Scene) -> None:
    path = await campaign(scene)
    await scene.run(1)
    status, out, _ = await run("--ledger", path, "--database", scene.url, "--wait", 0.5)
    assert (status, "2 runs" in out) == (0, True)


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/nowhere", "nonsense", ""])
async def test_a_database_that_cannot_be_read_ends_with_2_and_one_line(tmp_path: Path, url: str) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b"")
    status, out, err = await run("--ledger", tmp_path / "ledger.jsonl", "--database", url)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("history: the database cannot be read: ")


async def test_a_database_of_something_else_ends_with_2_and_one_line(tmp_path: Path, empty_database_url: str) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b"")
    status, _, err = await run("--ledger", tmp_path / "ledger.jsonl", "--database", empty_database_url)
    assert (status, err.count("\n")) == (2, 1)


async def test_a_ledger_that_cannot_be_read_ends_with_2_and_one_line(tmp_path: Path, database_url: str) -> None:
    status, _, err = await run("--ledger", tmp_path / "nothing.jsonl", "--database", database_url)
    assert (status, err.count("\n")) == (2, 1)
    assert "nothing.jsonl cannot be read" in err


async def test_a_user_who_sees_only_some_rows_is_no_witness(scene: Scene, superuser_url: str) -> None:
    """Row-level security hides rows without a word: a judge who sees half of the calls would find no fault."""
    path = await campaign(scene)
    setting = "&" if "?" in superuser_url else "?"
    status, _, err = await run("--ledger", path, "--database", f"{superuser_url}{setting}role=ringfence_api")
    assert (status, err) == (2, "history: the database cannot be read: this user sees only some businesses' rows\n")


async def test_the_owner_that_services_connect_as_sees_all(scene: Scene, database_url: str) -> None:
    status, out, _ = await run("--ledger", await campaign(scene), "--database", database_url)
    assert (status, "3 call rows" in out) == (0, True)
