"""The page of settings is the one that operators copy from: its names and defaults are the program's."""

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from shared.settings import Settings
from tests.unit import tables

ROWS = {tables.words(row["setting"])[0]: row["default"] for row in tables.rows(tables.page("settings.md"), "setting")}


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "none"
    assert not isinstance(default, SecretStr)
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_page_of_settings_names_every_setting_and_its_default() -> None:
    assert {name.upper(): _shown(field.default) for name, field in Settings.model_fields.items()} == ROWS
