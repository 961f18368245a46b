"""Requests about one account's calls that may be repeated: reads and hang-ups, never a create."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import ProviderAway
from shared.telephony.credentials import Credentials
from shared.telephony.errors import ProviderRefused
from shared.telephony.http import Answer, ProviderHttp
from shared.telephony.scrub import scrub

_HEADERS = {"Accept": "application/json", "User-Agent": "ringfence"}


def calls_path(credentials: Credentials, sid: str | None = None) -> str:
    """The path of an account's calls, or of one of them."""
    one = f"/{sid}" if sid is not None else ""
    return f"/2010-04-01/Accounts/{credentials.account_sid}/Calls{one}.json"


async def ask(
    http: ProviderHttp,
    credentials: Credentials,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    form: Mapping[str, object] | None = None,
) -> Answer:
    """A GET, or a POST where there is a form; any 2xx answer comes back.

    Raises ProviderRefused on a 3xx or 4xx, ProviderAway on everything else.
    """
    auth = (credentials.account_sid, credentials.auth_token.get_secret_value())
    try:
        answer = await http.send("GET" if form is None else "POST", path, query, form, _HEADERS, auth)
    except Exception as error:  # none of them tells anything about a call, and a sweep must outlive them all
        raise ProviderAway(f"the provider could not be asked: {type(error).__name__}") from None
    if 200 <= answer.status < 300:
        return answer
    if answer.status >= 500:
        raise ProviderAway(f"the provider answered HTTP {answer.status}")
    message = scrub(answer.message, credentials.auth_token.get_secret_value())
    raise ProviderRefused(answer.code, answer.status, message, answer.retry_after)
