"""Whatever commits, publishes, acknowledges or asks the provider has crash points beside it: `tests.crashpoints.source`
says what exactly that means."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared.crashpoints import NAME
from stack.rundir import ROOT
from tests.crashpoints import source


@pytest.mark.parametrize("path", source.ACTING, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_acts_without_a_crash_point_beside_it(path: Path) -> None:
    """A boundary without a name is one that no test can kill the process at."""
    assert source.faults_in(path.read_text()) == []


def test_names_say_service_step_and_moment_and_none_is_used_twice() -> None:
    names = []
    for path in [*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]:
        if path.name == "crashpoints.py":
            continue
        found = source.names_in(ast.parse(path.read_text()))
        names += found
        assert [name for name in found if not re.fullmatch(NAME, name)] == []
        if path.is_relative_to(ROOT / "services"):
            service = path.relative_to(ROOT / "services").parts[0]
            assert {name.partition(".")[0] for name in found} <= {service}
    assert len(names) == len(set(names)) > 80


def test_the_page_lists_every_point() -> None:
    page = (ROOT / "docs" / "crash-points.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_.]+)` \|", page, re.MULTILINE))
    assert listed == set(source.all_names())


def test_the_rule_knows_commits_by_their_sql() -> None:
    assert {"claim", "beat", "record_dials", "record_callbacks", "settle", "start_run", "nudge"} <= source.commits()
    assert {"take_lease", "renew_lease", "give_up_lease", "take_in", "delete_old_keys"} <= source.commits()
    reads = {"find_calls", "read_speech", "find_expired", "known_sids", "read_run", "run_owner", "stage", "read_doubt"}
    assert not reads & source.commits()


BEFORE, AFTER = 'crash_point("a.b.before")', 'crash_point("a.b.after")'


@pytest.mark.parametrize(
    "act",
    [
        "x = await dispatching.claim(db)",
        "publisher.publish_soon(event)",
        "self._announce(event)",
        "call = await create_call(http)",
        "async for call in list_recent(http): pass",
        "await self._delete(lambda: sweeps.delete_old_keys(db))",
    ],
)
def test_the_rule_wants_a_point_on_either_side(act: str) -> None:
    def of(*lines: str) -> str:
        return "async def f():\n" + "".join(f"    {line}\n" for line in lines)

    assert source.faults_in(of(BEFORE, act, AFTER)) == []
    assert len(source.faults_in(of(act, AFTER))) == 1
    assert len(source.faults_in(of(BEFORE, act))) == 1
    assert len(source.faults_in(of(BEFORE, "other()", act, "other()", AFTER))) == 2


def test_the_rule_looks_into_every_kind_of_block() -> None:
    blocks = ["try:", "    pass", "except E:", "    await settle(db)", "else:", "    publish(e)"]
    text = "async def f():\n" + "".join(f"    {line}\n" for line in blocks)
    assert len(source.faults_in(text)) == 4


def test_a_transaction_has_its_points_around_it_or_as_its_first_statement() -> None:
    whole = (
        f"async def f():\n    {BEFORE}\n    async with db.transaction() as c:\n        await merge(c)\n    {AFTER}\n"
    )
    assert source.faults_in(whole) == []
    assert len(source.faults_in(whole.replace(f"    {AFTER}\n", ""))) == 1


def test_a_subscriber_and_a_rejection_need_their_points() -> None:
    bare = "class C:\n    async def _take(self, m):\n        raise RejectMessage\n\nsubscriber(self._take)\n"
    assert len(source.faults_in(bare)) == 3


def test_only_the_api_holds_a_transaction_over_several_statements() -> None:
    """What else is frozen holds no lock, so the freezes inside open transactions are the API's alone."""
    holders = {"transaction", *source.transactions()}
    for path in source.ACTING:
        called = {source.called(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        if not path.is_relative_to(ROOT / "services" / "api"):
            assert not called & holders, path
    assert {"take_in", "read_jobs"} <= holders
