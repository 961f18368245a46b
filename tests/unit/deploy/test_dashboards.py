"""The dashboards that are committed are those of the code, Grafana can read them, and they ask for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import BOARDS, HERE, file_of
from deploy.grafana.board import Board
from deploy.grafana.panels import SOURCE
from tests.unit.deploy.promql import selectors, substituted
from tests.unit.deploy.registry import DATABASE_GAUGES, exported

FOREIGN = ("rabbitmq_", "pg_")
"""Names of other exporters: `make monitoring-check` asks the real ones for them."""

every_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.slug)


def panels(board: Board) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(file_of(board).read_text())["panels"]
    return content


def drawn(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in panels(board) if panel["type"] != "row"]


def expressions(board: Board) -> Iterator[tuple[str, str]]:
    for panel in drawn(board):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@every_board
def test_the_committed_dashboard_is_what_its_code_says(board: Board) -> None:
    """`make dashboards` writes them anew."""
    assert file_of(board).read_text() == board.json()


def test_no_dashboard_is_left_that_no_code_writes() -> None:
    assert {path.name for path in HERE.glob("*.json")} == {file_of(board).name for board in BOARDS}


@every_board
def test_grafana_knows_every_field(board: Board) -> None:
    """A field that Grafana's schema does not have vanishes on the way through it."""
    register_default_plugins()
    raw = json.loads(file_of(board).read_text())
    again = json.loads(json.dumps(Dashboard.from_json(raw), cls=JSONEncoder))
    assert again == raw


def test_a_field_with_a_typing_error_would_be_noticed() -> None:
    register_default_plugins()
    raw = json.loads(file_of(BOARDS[0]).read_text())
    raw["panels"][1]["fieldConfig"]["defaults"]["unitt"] = "s"
    assert json.loads(json.dumps(Dashboard.from_json(raw), cls=JSONEncoder)) != raw


@every_board
def test_every_query_is_promql(board: Board) -> None:
    for _title, expr in expressions(board):
        assert selectors(substituted(expr))
        assert not set(re.findall(r"\$\w+", expr)) - {"$namespace", "$__rate_interval"}


@every_board
def test_every_query_asks_for_metrics_and_labels_that_our_services_export(board: Board) -> None:
    known = exported()
    for title, expr in expressions(board):
        for one in selectors(substituted(expr)):
            if one.name.startswith(FOREIGN):
                assert board.slug == "servers", f"{title}: {one.name} belongs with the servers"
                continue
            assert one.name in known, f"{title}: nobody exports {one.name}"
            assert one.labels | one.grouped <= known[one.name], f"{title}: {one.name} has no such label"


@every_board
def test_gauges_of_the_database_are_never_added_up_over_replicas(board: Board) -> None:
    """The api and the reaper, and every replica of them, export the same number."""
    for title, expr in expressions(board):
        for one in selectors(substituted(expr)):
            if one.name in DATABASE_GAUGES:
                assert one.around[:1] == ("max",), f"{title}: {expr}"


@every_board
def test_counters_are_only_shown_as_rates_and_increases(board: Board) -> None:
    for title, expr in expressions(board):
        for one in selectors(substituted(expr)):
            if one.name in DATABASE_GAUGES:
                continue  # slots_total is one
            counts = one.name.startswith("ringfence_") and one.name.endswith(("_total", "_bucket", "_count"))
            assert not counts or one.around[0] in ("rate", "increase"), f"{title}: {expr}"


@every_board
def test_every_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_source(board: Board) -> None:
    titles = [panel["title"] for panel in drawn(board)]
    assert len(titles) == len(set(titles)) or board.slug == "integrity"
    for panel in drawn(board):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        source = {"type": SOURCE.type_val, "uid": SOURCE.uid}
        assert panel["datasource"] == source
        for target in panel["targets"]:
            assert target["datasource"] == source
            assert target["legendFormat"]
            assert 'namespace=~"$namespace"' in target["expr"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))


@every_board
def test_the_choice_of_an_installation_also_fits_where_nothing_sets_the_label(board: Board) -> None:
    variables = {one["name"]: one for one in json.loads(file_of(board).read_text())["templating"]["list"]}
    assert list(variables) == ["datasource", "namespace"]
    assert variables["namespace"]["allValue"] == ".*"
    assert variables["namespace"]["current"]["value"] == "$__all"


@every_board
def test_panels_have_numbers_of_their_own_and_do_not_overlap(board: Board) -> None:
    every = panels(board)
    assert [panel["id"] for panel in every] == list(range(1, len(every) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_dashboards_have_addresses_of_their_own_and_find_one_another() -> None:
    contents = [json.loads(file_of(board).read_text()) for board in BOARDS]
    assert len({content["uid"] for content in contents}) == len(contents)
    for content in contents:
        assert content["tags"] == ["ringfence"]
        assert content["links"][0]["tags"] == ["ringfence"]


@every_board
def test_the_documentation_shows_a_picture_of_it(board: Board) -> None:
    """`make dashboard-pictures` draws them."""
    picture = HERE.parents[1] / "docs" / "dashboards" / f"{board.slug}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"![{board.title}](dashboards/{board.slug}.png)" in (picture.parents[1] / "monitoring.md").read_text()
