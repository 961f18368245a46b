"""Chart, kustomization and compose file know the settings that the program knows, by name and default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotated_types import Ge, Le
from pydantic_core import PydanticUndefined

from shared.settings import DEFAULT_PORTS, Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
CHART = DEPLOY / "k8s/helm/ringfence"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SECRET = {
    "DATABASE_URL",
    "AMQP_URL",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "SECRETS_KEY",
    "SECRETS_KEY_PREVIOUS",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_PREVIOUS",
    "TWILIO_FROM_NUMBER",
}
ELSEWHERE = {"HOST", "PORT", "DISPATCH_PARTITIONS", "DISPATCH_ORDINAL"}
"""What the chart knows by itself, or by another name."""

OPEN = {name.upper() for name in Settings.model_fields} - SECRET - ELSEWHERE


def test_the_chart_offers_every_setting_with_its_default() -> None:
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items() if name.upper() in OPEN}
    shown = {name: "" if value in (PydanticUndefined, None) else value for name, value in defaults.items()}
    assert VALUES["settings"] == shown


def test_the_chart_splits_the_businesses_as_the_program_does() -> None:
    split = SCHEMA["properties"]["dispatcher"]["properties"]["partitions"]
    field = Settings.model_fields["dispatch_partitions"]
    assert VALUES["dispatcher"]["partitions"] == field.default
    assert [Ge(split["minimum"]), Le(split["maximum"])] == field.metadata


def test_the_chart_takes_no_other_setting() -> None:
    settings = SCHEMA["properties"]["settings"]
    assert set(settings["properties"]) == OPEN
    assert settings["additionalProperties"] is False


def test_the_kustomization_has_the_same_settings() -> None:
    lines = (DEPLOY / "k8s/kustomize/base/settings.env").read_text().split()
    settings = dict(line.split("=", 1) for line in lines)
    assert settings.pop("DISPATCH_PARTITIONS") == str(Settings.model_fields["dispatch_partitions"].default)
    assert settings == {name: f"{value}" for name, value in VALUES["settings"].items() if name in settings}
    assert {name for name, value in VALUES["settings"].items() if value != ""} <= set(settings)


def _objects(schema: Any) -> list[Any]:
    nested = [*schema.get("properties", {}).values(), *schema.get("definitions", {}).values()]
    if isinstance(schema.get("items"), dict):
        nested.append(schema["items"])
    return [schema] * ("properties" in schema) + [found for each in nested for found in _objects(each)]


def test_the_schema_of_the_values_is_closed() -> None:
    """A typing error in a value must be an error, not a default."""
    closed = _objects(SCHEMA)
    assert len(closed) > 30
    assert [each for each in closed if each["additionalProperties"] is not False] == []


def _keys(values: Any, schema: Any, path: str = "") -> list[str]:
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if "properties" not in schema:
        return []
    missing = [f"{path}.{key}" for key in schema.get("required", ()) if key not in values]
    unknown = [f"{path}.{key}" for key in values if key not in schema["properties"]]
    deeper = [
        found
        for key, value in values.items()
        if key in schema["properties"] and isinstance(value, dict)
        for found in _keys(value, schema["properties"][key], f"{path}.{key}")
    ]
    return missing + unknown + deeper


def test_every_value_has_a_default_and_a_place_in_the_schema() -> None:
    assert _keys(VALUES, SCHEMA) == []


@pytest.mark.parametrize("service", DEFAULT_PORTS)
def test_compose_gives_each_service_its_port_and_knows_its_settings(service: str) -> None:
    compose = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
    one = compose["services"][service]
    assert one["environment"]["PORT"] == str(DEFAULT_PORTS[service])  # type: ignore[index]
    assert set(one["environment"]) - {"SECRETS_DIR"} <= OPEN | ELSEWHERE
    assert set(one["secrets"]) <= SECRET
    assert one["command"] == [f"services.{service}"]
