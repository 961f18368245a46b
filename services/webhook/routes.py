"""The two addresses that every create carries, translated. A request that is not recorded is asked for again.

Rules: these two are served straight, before the framework, whose ways to an endpoint cost more than the record itself;
whatever goes wrong is answered here, and everything else the framework is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.webhook.door import Door
from services.webhook.incoming import UNKNOWN_EVENT, Incoming
from services.webhook.record import VOICE, Recorder, status_heard
from services.webhook.refusals import REFUSED, Refusal, TooSlow, Unavailable
from services.webhook.voice import Voice
from shared import metrics
from shared.crashpoints import crash_point
from shared.errors import DatabaseAway, DatabaseBusy, SecretUnreadable
from shared.health import Health
from shared.logs import logger
from shared.telephony import fields
from shared.telephony.callback import CallStatus

FAILED = "failed"
ANSWER_SECONDS = 10.0
"""After this long the provider is told to try again: it gives up after 15 s, retries included."""
RECORDED = Response(status_code=204)

log = logger()

Answered = tuple[Response, str]
Handle = Callable[[Incoming], Awaitable[Answered]]


class Webhooks:
    """Serves the two addresses, and leaves the others to `rest`."""

    def __init__(self, door: Door, recorder: Recorder, voice: Voice, health: Health, rest: ASGIApp) -> None:
        self._door = door
        self._recorder = recorder
        self._voice = voice
        self._health = health
        self._rest = rest
        self._handles: dict[str, tuple[Handle, str]] = {
            "/webhooks/twilio/status": (self._status, UNKNOWN_EVENT),
            "/webhooks/twilio/voice": (self._speak, VOICE),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        address, _, word = scope.get("path", "").rpartition("/")
        if scope["type"] != "http" or not word or address not in self._handles:
            await self._rest(scope, receive, send)
            return
        response: Response = PlainTextResponse("Method Not Allowed", 405, {"Allow": "POST"})
        if scope["method"] == "POST":
            handle, event = self._handles[address]
            response = await self._counted(handle, Incoming(scope, receive, word, event))
        await response(scope, receive, send)

    async def _status(self, incoming: Incoming) -> Answered:
        pairs = await self._door.read(incoming)
        signed = self._door.vouched(incoming, pairs)
        recorded = None if signed is None else await self._recorder.record(status_heard(signed))
        if recorded is None or recorded.result in ("unvouched", "unknown"):
            asked = await self._door.admit(incoming, pairs)
            recorded = await self._recorder.record(status_heard(asked))
        crash_point("webhook.status.answering")
        return RECORDED, recorded.result

    async def _speak(self, incoming: Incoming) -> Answered:
        asked = await self._door.admit(incoming, await self._door.read(incoming), CallStatus.IN_PROGRESS)
        speech = await self._voice.answer(asked)
        crash_point("webhook.voice.answering")
        return Response(speech, media_type="text/xml"), "answered"

    async def _counted(self, handle: Handle, incoming: Incoming) -> Response:
        began = time.perf_counter()
        response, result = await self._safely(handle, incoming)
        metrics.WEBHOOKS.labels(event=incoming.event, result=result).inc()
        metrics.WEBHOOK_SECONDS.observe(time.perf_counter() - began)
        return response

    async def _safely(self, handle: Handle, incoming: Incoming) -> Answered:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await handle(incoming)
        except Refusal as refusal:
            return _refused(refusal)
        except (DatabaseAway, DatabaseBusy, SecretUnreadable, TimeoutError) as error:
            if isinstance(error, TimeoutError) and not incoming.whole:
                return _refused(TooSlow())
            if isinstance(error, DatabaseAway):
                self._health.set("database", up=False, reason=str(error))
            reason = str(error) or type(error).__name__
            log.warning("CALLBACK_NOT_RECORDED", action="asked again", reason=reason, **_named(incoming))
            return _refused(Unavailable())
        except Exception as error:
            name = type(error).__name__
            log.error("CALLBACK_FAILED", action="asked again", error=name, exc_info=error, **_named(incoming))
            return JSONResponse({"error": "The callback was not recorded.", "code": "unavailable"}, 500), FAILED


def expect_unrecorded() -> None:
    """Let the callbacks that are not recorded be counted from 0, so that the first of them is an increase."""
    events = (*(status.value for status in CallStatus), VOICE, UNKNOWN_EVENT)
    metrics.expect_webhooks(events, (*REFUSED, FAILED))


def _named(incoming: Incoming) -> dict[str, str | None]:
    """What the request says it is about; anybody may have written it."""
    return {"callback": incoming.event, "said_sid": fields.call_sid(dict(incoming.pairs).get("CallSid"))}


def _refused(refusal: Refusal) -> Answered:
    return JSONResponse({"error": str(refusal), "code": refusal.code}, refusal.status), refusal.result
