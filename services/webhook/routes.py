"""The two addresses that every create carries, translated. A request that is not recorded is asked for again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.webhook.door import UNKNOWN_EVENT, Door
from services.webhook.record import VOICE, Recorder, status_heard
from services.webhook.refusals import REFUSED, Refusal, Unavailable
from services.webhook.voice import Voice
from shared import metrics
from shared.crashpoints import crash_point
from shared.errors import DatabaseAway, DatabaseBusy, SecretUnreadable
from shared.health import Health
from shared.logs import logger
from shared.telephony.callback import CallStatus

FAILED = "failed"
ANSWER_SECONDS = 10.0
"""After this long the provider is told to try again: it gives up after 15 s, retries included."""

log = logger()

Handler = Callable[[Request], Awaitable[Response]]
Answered = tuple[Response, str]


class Webhooks:
    """The routes of this service."""

    def __init__(self, door: Door, recorder: Recorder, voice: Voice, health: Health) -> None:
        self._door = door
        self._recorder = recorder
        self._voice = voice
        self._health = health

    def routes(self) -> list[BaseRoute]:
        """Both addresses; only POST is known there."""
        return [
            Route("/webhooks/twilio/status/{dial_token}", self._counted(self._status), methods=["POST"]),
            Route("/webhooks/twilio/voice/{dial_token}", self._counted(self._speak), methods=["POST"]),
        ]

    async def _status(self, request: Request) -> Answered:
        signed = await self._door.admit(request)
        recorded = await self._recorder.record(status_heard(signed))
        crash_point("webhook.status.answering")
        return Response(status_code=204), recorded.result

    async def _speak(self, request: Request) -> Answered:
        request.state.event = VOICE
        signed = await self._door.admit(request, CallStatus.IN_PROGRESS)
        speech = await self._voice.answer(signed)
        crash_point("webhook.voice.answering")
        return Response(speech, media_type="text/xml"), "answered"

    def _counted(self, handle: Callable[[Request], Awaitable[Answered]]) -> Handler:
        async def counted(request: Request) -> Response:
            began = time.perf_counter()
            request.state.event = UNKNOWN_EVENT
            response, result = await self._safely(handle, request)
            metrics.WEBHOOKS.labels(event=request.state.event, result=result).inc()
            metrics.WEBHOOK_SECONDS.observe(time.perf_counter() - began)
            return response

        return counted

    async def _safely(self, handle: Callable[[Request], Awaitable[Answered]], request: Request) -> Answered:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await handle(request)
        except Refusal as refusal:
            return _refused(refusal)
        except (DatabaseAway, DatabaseBusy, SecretUnreadable, TimeoutError) as error:
            if isinstance(error, DatabaseAway):
                self._health.set("database", up=False, reason=str(error))
            log.warning("CALLBACK_NOT_RECORDED", action="asked again", reason=str(error) or type(error).__name__)
            return _refused(Unavailable())
        except Exception as error:
            log.error("CALLBACK_FAILED", action="asked again", error=type(error).__name__, exc_info=error)
            return JSONResponse({"error": "The callback was not recorded.", "code": "unavailable"}, 500), FAILED


def expect_unrecorded() -> None:
    """Let the callbacks that are not recorded be counted from 0, so that the first of them is an increase."""
    events = (*(status.value for status in CallStatus), VOICE, UNKNOWN_EVENT)
    metrics.expect_webhooks(events, (*REFUSED, FAILED))


def _refused(refusal: Refusal) -> Answered:
    return JSONResponse({"error": str(refusal), "code": refusal.code}, refusal.status), refusal.result
