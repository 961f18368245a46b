"""Texts: every key in both languages, real plurals, and the choice of a language."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from shared.domain import CallState, RunStatus
from shared.messages import FOLDER, LOCALES, choose_locale, force_cancelled, text

CODES = (
    "unauthorized",
    "forbidden",
    "not_found",
    "invalid",
    "no_leads",
    "no_active_run",
    "illegal_transition",
    "rate_limited",
    "unavailable",
    "idempotency_mismatch",
    "too_large",
)
COUNTS = (1, 2, 11)
HEBREW = re.compile(r"[\u0590-\u05ff]")


def catalogue(locale: str) -> Catalog:
    with (FOLDER / locale / "LC_MESSAGES" / "ringfence.po").open("rb") as lines:
        return read_po(lines, locale=locale, abort_invalid=True)


CATALOGUES = {locale: catalogue(locale) for locale in LOCALES}
KEYS = sorted(str(message.id[0] if message.pluralizable else message.id) for message in CATALOGUES["en"] if message.id)
PLURALS = {str(message.id[0]) for message in CATALOGUES["en"] if message.pluralizable}


def forms(locale: str, key: str) -> list[str]:
    message = CATALOGUES[locale].get(key)
    assert message is not None
    found = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return [form for form in found if isinstance(form, str)]


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def values_for(key: str) -> dict[str, object]:
    names = {name for form in forms("en", key) for name in placeholders(form)} - {"count"}
    return dict.fromkeys(names, "42")


def test_both_languages_have_the_same_keys_and_none_is_empty_or_fuzzy() -> None:
    for locale in LOCALES:
        messages = [message for message in CATALOGUES[locale] if message.id]
        found = sorted(str(message.id[0] if message.pluralizable else message.id) for message in messages)
        assert found == KEYS
        assert not [message.id for message in messages if message.fuzzy]
        assert not [key for key in KEYS if not forms(locale, key) or not all(forms(locale, key))]
        assert not CATALOGUES[locale].obsolete


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_text_of_its_own_in_the_language_asked_for(key: str, count: int, locale: str) -> None:
    said = text(locale, key, count, **values_for(key))
    assert said
    assert said != key
    assert "{" not in said
    assert bool(HEBREW.search(said)) is (locale == "he")


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_name_the_same_values(key: str) -> None:
    for locale in LOCALES:
        everything = {name for form in forms(locale, key) for name in placeholders(form)}
        assert everything == {name for form in forms("en", key) for name in placeholders(form)}


@pytest.mark.parametrize("key", sorted(PLURALS))
def test_one_two_and_many_are_said_differently_where_the_language_does(key: str) -> None:
    one, two, many = (text("he", key, count, **values_for(key)) for count in COUNTS)
    assert len({one, two, many}) == 3
    assert "11" in many
    assert "2" not in two
    one, two, many = (text("en", key, count, **values_for(key)) for count in COUNTS)
    assert ("2" in two, "11" in many) == (True, True)
    assert one not in (two, many)


@pytest.mark.parametrize("locale", LOCALES)
def test_plural_forms_are_those_of_the_language(locale: str) -> None:
    """The header of a catalogue is written by hand; CLDR, as babel carries it, is the judge."""
    rule = Locale(locale).plural_form
    order = ["one", "two", "other"] if locale == "he" else ["one", "other"]
    assert CATALOGUES[locale].num_plurals == len(order)
    for count in range(200):
        expected = forms(locale, "message.reconciled")[order.index(rule(count))]
        assert text(locale, "message.reconciled", count) == expected.format(count=count)


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_has_a_text(code: str) -> None:
    assert code in KEYS


def test_states_have_names() -> None:
    for locale in LOCALES:
        for status in RunStatus:
            assert text(locale, f"status.{status}")
        for state in CallState:
            assert text(locale, f"call_state.{state}")


def test_the_text_of_a_conflict_names_the_status() -> None:
    assert "completed" in text("en", "illegal_transition", status=text("en", "status.completed"))


def test_a_force_cancel_counts_jobs_and_calls_each_in_its_own_form() -> None:
    assert force_cancelled("en", 1, 11) == (
        "The run was cancelled: one waiting job will not be dialled, 11 live calls are being hung up."
    )
    assert force_cancelled("he", 2, 1) == "הקמפיין בוטל: שתי משימות ממתינות לא יחויגו, שיחה חיה אחת מנותקת."
    assert "0 waiting jobs" in force_cancelled("en", 0, 0)


def test_a_language_we_do_not_speak_gets_english() -> None:
    assert text("fr", "forbidden") == text("en", "forbidden")


def test_an_unknown_key_or_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        text("en", "no.such.key")
    with pytest.raises(KeyError):
        text("en", "no.such.key", 2)
    with pytest.raises(KeyError):
        text("he", "illegal_transition")


def test_a_value_is_inserted_and_never_read_as_a_template() -> None:
    assert "{count.__class__}" in text("en", "illegal_transition", status="{count.__class__}")


@pytest.mark.parametrize(
    ("header", "fallback", "chosen"),
    [
        (None, "he", "he"),
        ("", "en", "en"),
        ("he", "en", "he"),
        ("he-IL,he;q=0.9,en-US;q=0.8,en;q=0.7", "en", "he"),
        ("en-US,en;q=0.9,he;q=0.8", "he", "en"),
        ("fr, he;q=0.4, en;q=0.5", "he", "en"),
        ("en;q=0.5, he", "en", "he"),
        ("en;q=0, fr", "he", "he"),
        ("HE-il", "en", "he"),
        ("iw", "en", "he"),
        ("fr-CH, de;q=0.9, *;q=0.5", "he", "he"),
        ("he;q=oops, en;q=0.1", "he", "en"),
        ("he;q=7", "en", "en"),
        ("he;q=nan", "en", "en"),
        (",;,=;q=,", "he", "he"),
        ("he; Q = 0.3 , en ; q=0.2", "en", "he"),
        ("fr", "xx", "en"),
        ("hebrew", "en", "en"),
        ("en,he", "he", "en"),
    ],
)
def test_the_language_most_wished_for_is_chosen(header: str | None, fallback: str, chosen: str) -> None:
    assert choose_locale(header, fallback) == chosen


def test_no_compiled_catalogue_is_kept_that_could_disagree_with_its_source() -> None:
    assert list(Path(FOLDER).rglob("*.mo")) == []
