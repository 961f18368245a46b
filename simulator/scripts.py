"""Carrying out the TwiML of an answered call, as far as it decides when the call ends."""

import time
from typing import Any
from urllib.parse import urljoin

from simulator import fields, twiml
from simulator.call import Call
from simulator.courier import Courier, Fields, Parcel, Reply
from simulator.journal import Journal

MAX_REDIRECTS = 10
RETRIEVAL_FAILURE = "11200"


class Scripts:
    """Fetches documents, follows redirects, keeps each document in the ledger."""

    def __init__(self, courier: Courier, journal: Journal) -> None:
        self._courier = courier
        self._journal = journal

    async def goes_on(self, call: Call, url: str | None, method: str, document: str | None) -> bool:
        """Whether the call talks on; False when its TwiML hangs up, cannot be had or cannot be read."""
        for _ in range(MAX_REDIRECTS):
            if url is not None:
                document = await self._fetch_or_fall_back(call, url, method)
            if document is None:
                return url is None
            try:
                step = twiml.read(document)
            except twiml.BadTwiml:
                return False
            if isinstance(step, twiml.Redirect):
                url, method = urljoin(url or "", step.url), step.method
            else:
                return isinstance(step, twiml.Talk)
        return False

    async def _fetch_or_fall_back(self, call: Call, url: str, method: str) -> str | None:
        document = await self._fetch(call, url, method, [])
        fallback = call.create.fallback_url
        if document is not None or fallback is None:
            return document
        told = [("ErrorCode", RETRIEVAL_FAILURE), ("ErrorUrl", url)]
        return await self._fetch(call, fallback, call.create.fallback_method, told)

    async def _fetch(self, call: Call, url: str, method: str, told: Fields) -> str | None:
        given = [*fields.base(call, call.state), *told]
        parcel = Parcel(url, method, given, call.account.primary_token, f"{call.sid}-{time.monotonic_ns()}")
        document = None
        async for reply in self._courier.send(parcel):
            document = reply.text if reply.error is None and reply.failure is None else None
            self._journal.append(_line(call, method, reply, document))
        return document


def _line(call: Call, method: str, reply: Reply, document: str | None) -> dict[str, Any]:
    return {
        "kind": "voice",
        "sid": call.sid,
        "method": method,
        "url": reply.url,
        "at": reply.at,
        "mono": reply.mono,
        "seconds": reply.seconds,
        "http_status": reply.http_status,
        "error": reply.error,
        "document": document,
    }
