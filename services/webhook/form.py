"""The fields of a request, exactly as they were sent: empty and repeated ones are part of what was signed."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from services.webhook.refusals import Invalid, NotAForm, TooLarge, TooSlow

Pairs = list[tuple[str, str]]

FORM = "application/x-www-form-urlencoded"
LARGEST_BODY = 64 * 1024
"""Bytes; a callback has about 1.5 KB."""
READ_SECONDS = 8.0
"""Shorter than what an answer may take in all, so that a slow sender is told what was wrong."""
MOST_FIELDS = 500


async def read_form(request: Request) -> Pairs:
    """Read the body's fields in their order. Raises a Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise NotAForm
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > LARGEST_BODY:
        raise TooLarge
    return parse(await _body(request))


def parse(body: bytes) -> Pairs:
    """The fields of a form's body. Raises Invalid."""
    try:
        return parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise Invalid(f"the form has more than {MOST_FIELDS} fields") from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise TooLarge
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise Invalid("the body was cut off") from None
    return bytes(body)
