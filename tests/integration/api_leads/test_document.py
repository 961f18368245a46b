"""What the OpenAPI document says about leads and businesses."""

from __future__ import annotations

from typing import Any

from tests.integration.api.rig import Rig


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


async def test_every_body_and_answer_is_described_and_every_reference_leads_somewhere(rig: Rig) -> None:
    document = (await rig.client.get("/openapi.json")).json()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    paths = document["paths"]
    leads = paths["/api/leads"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert leads["properties"]["leads"]["items"]["required"] == ["phone"]
    form = paths["/api/leads/import"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["file"]
    assert paths["/api/businesses"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"] == [
        "name"
    ]
    assert set(paths["/api/businesses/{business_id}"]) == {"get", "patch"}
