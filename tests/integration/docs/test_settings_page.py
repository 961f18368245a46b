"""The page of settings is the one that operators copy from: its names and defaults are the program's."""

import re
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from shared.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", PAGE.read_text(), re.MULTILINE))


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "none"
    assert not isinstance(default, SecretStr)
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_page_of_settings_names_every_setting_and_its_default() -> None:
    assert {name.upper(): _shown(field.default) for name, field in Settings.model_fields.items()} == ROWS
