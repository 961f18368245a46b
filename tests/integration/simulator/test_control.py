import asyncio
from pathlib import Path

import pytest

from tests.integration.simulator.conftest import Simulate
from tests.integration.simulator.rig import NUMBER, SID, TO, Client, Webhooks, eventually


async def test_a_foreign_call_is_listed_but_not_counted_as_ours(client: Client) -> None:
    made = await client.sim("POST", "/calls", {"account": SID, "to": TO, "from": NUMBER})
    _, page = await client.rest("GET", "/Calls.json")
    assert [call["sid"] for call in page["calls"]] == [made["sid"]]
    stats = await client.sim("GET", "/stats")
    assert (stats["foreign_calls"], stats["calls"], stats["creates_per_to"]) == (1, 0, {})
    (entry,) = await client.ended()
    assert (entry["foreign"], entry["request_id"], entry["outcome"]) == (True, None, "completed")


async def test_stats_know_how_many_lived_at_once_and_who_was_rung_twice(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params={"outcome": "answered", "ring_seconds": 3600}, times=3)
    made = [(await client.create(webhooks.form(f"t{n}", To=f"{TO[:-1]}{n}")))[1]["sid"] for n in range(3)]

    async def dialled() -> bool:
        return all("initiated" in entry["states"] for entry in await client.entries())

    await eventually(dialled)
    for sid in made:
        await client.rest("POST", f"/Calls/{sid}.json", data={"Status": "completed"})
    await client.ended(3)
    await client.create(webhooks.form("again", To=f"{TO[:-1]}0"))
    await client.ended(4)
    stats = await client.sim("GET", "/stats")
    assert stats["max_live"] == 3
    assert stats["max_live_by_account"] == {SID: 3}
    assert stats["max_live_by_from"] == {NUMBER: 3}
    assert stats["max_live_by_path"] == {"/status": 3}
    assert (stats["live"], stats["doubles"]) == (0, [])
    assert stats["creates_per_to"][f"{TO[:-1]}0"] == 2
    assert stats["rung_twice"] == {f"{TO[:-1]}0": 2}
    assert stats["outcomes"] == {"completed": 4}


async def test_overlapping_calls_to_one_number_are_doubles(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params={"outcome": "answered", "ring_seconds": 3600})
    for token in ("a", "b"):
        await client.create(webhooks.form(token))
    (double,) = (await client.sim("GET", "/stats"))["doubles"]
    assert double["to"] == TO


async def test_the_scale_changes_for_calls_under_way(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(time_scale=1) as client:
        await client.rule("outcome", params={"outcome": "answered", "ring_seconds": 500})
        await client.create(webhooks.form(Timeout="600"))

        async def rings() -> bool:
            return "ringing" in (await client.entries())[0]["states"]

        await eventually(rings)
        await client.sim("POST", "/scale", {"scale": 10_000})
        await client.ended()


async def test_a_reset_forgets_calls_rules_and_counts(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params={"ring_seconds": 3600})
    await client.create(webhooks.form())
    await client.sim("POST", "/reset")
    assert await client.entries() == []
    assert (await client.sim("GET", "/rules"))["rules"] == []
    assert (await client.sim("GET", "/stats"))["calls"] == 0
    assert (await client.rest("GET", "/Calls.json"))[1]["calls"] == []
    await client.create(webhooks.form())
    assert len(await client.ended()) == 1


async def test_a_reset_amid_creates_and_hang_ups_leaves_the_simulator_well(
    simulate: Simulate, webhooks: Webhooks, tmp_path: Path
) -> None:
    async with simulate(ledger=str(tmp_path / "ledger")) as client:
        creating = [asyncio.create_task(client.create(webhooks.form(f"t{n}"))) for n in range(50)]
        for _ in range(5):
            await client.sim("POST", "/reset")
        await asyncio.gather(*creating)
        await client.sim("POST", "/reset")
        await client.create(webhooks.form("last"))
        (entry,) = await client.ended()
        assert entry["token"] == "last"


async def test_rules_show_how_often_they_struck(client: Client, webhooks: Webhooks) -> None:
    await client.sim("POST", "/rules", [{"id": "a", "mode": "http_429", "times": 1}, {"mode": "two_sids"}])
    assert (await client.create(webhooks.form()))[0] == 429
    rules = (await client.sim("GET", "/rules"))["rules"]
    assert [(rule["id"], rule["struck"]) for rule in rules] == [("a", 1), ("rule-1", 0)]
    assert await client.sim("DELETE", "/rules/a") == {"removed": 1}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/rules", {"mode": "nonsense"}),
        ("/rules", "x"),
        ("/once", [1]),
        ("/scale", {"scale": 0}),
        ("/calls", {"account": SID}),
        ("/calls", {"account": SID, "to": TO, "from": NUMBER, "params": {"Timeout": "soon"}}),
    ],
)
async def test_a_bad_request_to_the_control_api_is_422(client: Client, path: str, content: object) -> None:
    async with client.http.post(f"{client.base}/sim{path}", json=content) as response:
        assert response.status == 422
    async with client.http.post(f"{client.base}/sim{path}", data=b"{") as response:
        assert response.status == 422


async def test_the_probes_answer(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        async with client.http.get(client.base + path) as response:
            assert response.status == 200
            text = await response.text()
    assert "simulator_calls_live 0.0" in text
