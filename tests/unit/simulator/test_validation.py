"""Creates are refused with the code that Twilio would give, the first fault in its order."""

from datetime import UTC, datetime

import pytest

from simulator.accounts import Account
from simulator.create import Create, check, token_of
from simulator.errors import Refusal
from simulator.settings import AccountSettings

OWNED = "+972501234567"
GOOD = {
    "To": ["+12125550123"],
    "From": [OWNED],
    "Url": ["http://127.0.0.1:1/voice/t"],
    "StatusCallback": ["http://127.0.0.1:1/status/t"],
}


def account() -> Account:
    settings = AccountSettings(sid="AC" + "0" * 32, auth_tokens=["t"], from_numbers=[OWNED])
    return Account(settings, 1.0, "active", datetime.now(UTC))


def code_of(**changes: str | list[str] | None) -> int | None:
    given = {
        name: value if isinstance(value, list) else [value] for name, value in changes.items() if value is not None
    }
    form = {name: value for name, value in GOOD.items() if name not in changes} | given
    try:
        check(form, account(), allow_remote=False)
    except Refusal as refusal:
        return refusal.code
    return None


def test_a_good_create_passes() -> None:
    assert code_of() is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21201),
        ({"To": ""}, 21201),
        ({"From": None}, 21213),
        ({"Url": None}, 21205),
        ({"Url": "ftp://x"}, 21205),
        ({"Url": "http://10.0.0.1/voice"}, 21205),
        ({"From": "+12125550199"}, 21210),
        ({"From": "business"}, 21212),
        ({"From": "+15005550001"}, 21212),
        ({"To": "12125550123"}, 21211),
        ({"To": OWNED}, 21211),
        ({"To": "+12125550123\n"}, 21211),
        ({"To": "+1212555٠١٢٣"}, 21211),
        ({"Timeout": "9" * 5000}, 21208),
        ({"To": "+1212555"}, 21217),
        ({"To": "+15005550001"}, 21217),
        ({"To": "+15005550002"}, 21214),
        ({"To": "+15005550003"}, 21215),
        ({"To": "+15005550004"}, 21216),
        ({"StatusCallback": "nowhere"}, 21609),
        ({"StatusCallback": "http://under_score.example/x"}, 21609),
        ({"StatusCallback": "https://example.com/x"}, 21609),
        ({"StatusCallbackEvent": "initiated ringing answered completed"}, 21626),
        ({"StatusCallbackEvent": ["answered", "hungup"]}, 21626),
        ({"Timeout": "0"}, 21208),
        ({"Timeout": "601"}, 21208),
        ({"Timeout": "soon"}, 21208),
        ({"Url": None, "Twiml": "x" * 4001}, 32018),
        ({"Method": "PUT"}, 21209),
        ({"MachineDetection": "Maybe"}, 21234),
        ({"SendDigits": "12x"}, 21206),
        ({"ApplicationSid": "nonsense"}, 21218),
        ({"TimeLimit": "-1"}, 20422),
    ],
)
def test_a_fault_has_its_code(changes: dict[str, str | list[str] | None], code: int) -> None:
    assert code_of(**changes) == code


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"To": None}, {"From": None}),
        ({"From": None}, {"Url": None}),
        ({"Url": None}, {"From": "+12125550199"}),
        ({"From": "+12125550199"}, {"To": "nobody"}),
        ({"To": "nobody"}, {"StatusCallback": "nowhere"}),
        ({"StatusCallback": "nowhere"}, {"StatusCallbackEvent": "all"}),
        ({"StatusCallbackEvent": "all"}, {"Timeout": "0"}),
        ({"Timeout": "0"}, {"MachineDetection": "Maybe"}),
    ],
)
def test_of_two_faults_the_earlier_in_twilios_order_is_the_answer(
    first: dict[str, str | None], second: dict[str, str | None]
) -> None:
    assert code_of(**{**second, **first}) == code_of(**first)
    assert code_of(**first) != code_of(**second)


def test_unknown_parameters_are_ignored() -> None:
    assert code_of(Nonsense="1", statuscallback="nowhere") is None


def test_the_magic_caller_id_is_everybodys() -> None:
    assert code_of(From="+15005550006") is None


def test_twiml_is_ignored_beside_a_url_and_the_default_event_is_completed() -> None:
    create = Create.read({**GOOD, "Twiml": ["<Response/>"]})
    assert create.twiml is None
    assert create.events == {"completed"}
    assert (create.timeout, create.time_limit) == (60, 14400)


def test_an_application_takes_the_place_of_url_and_status_callback() -> None:
    create = Create.read({**GOOD, "ApplicationSid": ["AP" + "0" * 32]})
    assert (create.url, create.status_callback) == (None, None)


def test_the_token_is_the_last_segment_of_the_status_callback_without_its_fragment() -> None:
    assert token_of({"StatusCallback": ["http://h/status/abc-1?x=2#rc=5"]}) == "abc-1"
    assert token_of({}) is None
