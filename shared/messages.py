"""The texts that people read, in English and Hebrew, from the message catalogues in `locales`.

Rules: a text is asked for by its key, never written at the place that needs it; every key is in both catalogues, and
one that is missing is an error rather than a text in the wrong language. Plural forms are those of CLDR, so Hebrew has
a dual. Catalogues are compiled in memory when they are first needed: only the `.po` files are kept.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = ("en", "he")
DEFAULT_LOCALE = "en"
FOLDER = Path(__file__).parent / "locales"

_OLD_NAMES = {"iw": "he"}


def text(locale: str, key: str, count: int | None = None, **values: object) -> str:
    """Return the text of a key in a language, English for one we do not speak.

    `count` chooses the plural form and stands in the text as `{count}`. Raises KeyError for an unknown key, or when a
    value that the text names is missing.
    """
    catalogue = _catalogue(locale if locale in LOCALES else DEFAULT_LOCALE)
    form = key if count is None else catalogue.ngettext(key, key, count)
    template = catalogue.gettext(key) if form == key else form
    if template == key:
        raise KeyError(f"no text has the key {key}")
    return template.format(count=count, **values)


def force_cancelled(locale: str, jobs: int, calls: int) -> str:
    """Return the message of a force-cancel that closed so many queued jobs and asked for so many hang-ups."""
    return text(
        locale,
        "message.force_cancelled",
        jobs=text(locale, "part.jobs_not_dialed", jobs),
        calls=text(locale, "part.calls_hung_up", calls),
    )


def choose_locale(accept_language: str | None, fallback: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else the fallback, else English."""
    wishes = sorted(_wishes(accept_language or ""), key=lambda wish: -wish[1])
    for language, weight in wishes:
        if language in LOCALES and weight > 0:
            return language
    return fallback if fallback in LOCALES else DEFAULT_LOCALE


def _wishes(header: str) -> list[tuple[str, float]]:
    """Return each language of the header with its weight; what cannot be read counts as not wished for."""
    wishes = []
    for part in header.split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        language = tag.split("-")[0].split("_")[0]
        wishes.append((_OLD_NAMES.get(language, language), _weight(parameters)))
    return wishes


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() != "q":
            continue
        try:
            weight = float(value)
        except ValueError:
            return 0.0
        return weight if 0 <= weight <= 1 else 0.0
    return 1.0


@cache
def _catalogue(locale: str) -> GNUTranslations:
    source = FOLDER / locale / "LC_MESSAGES" / "ringfence.po"
    with source.open("rb") as lines:
        catalogue = read_po(lines, locale=locale, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
