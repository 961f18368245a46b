"""Every refusal, in both languages, with the counts whose plural forms differ."""

from __future__ import annotations

import pytest

from services.api.errors import ApiError, Invalid, forbidden, not_found, too_large, unauthorized, unavailable
from shared import messages

LOCALES = ("en", "he")


def refusals(count: int) -> list[ApiError]:
    return [
        unauthorized(),
        forbidden(),
        forbidden("forbidden_run"),
        not_found(),
        not_found("no_active_run"),
        unavailable(),
        too_large(count * 1_000_000),
        Invalid([("a", "field.required", {})] * count),
        ApiError(422, "no_leads", "no_leads"),
        ApiError(422, "idempotency_mismatch", "idempotency_mismatch"),
        ApiError(429, "rate_limited", "rate_limited", count),
        ApiError(409, "illegal_transition", "illegal_transition", body={"status": "stopped"}, status="x"),
        ApiError(409, "illegal_transition", "illegal_call_transition", state="x"),
        ApiError(405, "invalid", "method_not_allowed"),
    ]


@pytest.mark.parametrize("count", [1, 2, 11])
def test_every_refusal_has_its_own_text_in_both_languages(count: int) -> None:
    for refusal in refusals(count):
        english, hebrew = (refusal.body(locale) for locale in LOCALES)
        assert english["code"] == hebrew["code"] == refusal.code
        assert english["error"] != hebrew["error"]
        assert "{" not in english["error"] + hebrew["error"]
        assert any("\u0590" <= letter <= "\u05ff" for letter in hebrew["error"])
        assert not any("\u0590" <= letter <= "\u05ff" for letter in english["error"])


@pytest.mark.parametrize("locale", LOCALES)
def test_counts_choose_the_plural_form(locale: str) -> None:
    texts = {count: ApiError(429, "rate_limited", "rate_limited", count).body(locale)["error"] for count in (1, 2, 11)}
    assert len(set(texts.values())) == 3
    assert "11" in texts[11]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("field.too_long", {"count": 11}),
        ("field.too_many_leads", {"count": 2}),
        ("field.out_of_range", {"minimum": 1, "maximum": 2, "index": 7}),
        ("field.not_one_of", {"choices": "a, b"}),
    ],
)
def test_a_field_says_why_and_which_item(locale: str, key: str, values: dict[str, object]) -> None:
    (field,) = Invalid([("lead_ids", key, values)]).body(locale)["fields"]
    assert field["field"] == "lead_ids"
    assert field["reason"] == messages.text(locale, key, **values)  # type: ignore[arg-type]
    assert field.get("index") == values.get("index")
