"""Sends one create per claimed call, and hands what came of it to the recorder.

Rules: a call is dialled once, right after its claim, or not at all; every ending of it is recorded, also when the
process is told to stop in the middle. Whether a byte may still leave is decided at the connection, by the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.dispatcher.record import Recorder
from services.dispatcher.sending import Sending
from shared import metrics
from shared.crashpoints import crash_point
from shared.errors import CreateFailed, CreateRejected, SecretUnreadable
from shared.logs import logger
from shared.purse import Purse
from shared.queries.dispatching import ClaimedCall, DialResult
from shared.settings import Settings
from shared.telephony import boottime
from shared.telephony.answers import AnswerClass, class_of
from shared.telephony.create import CreateRequest, create_call
from shared.telephony.http import ProviderHttp
from shared.telephony.urls import status_url, voice_url

UNWRITTEN = 200
"""Creates on their way to the wire at most: what one process writes well within their deadline."""

IN_FLIGHT = 800
"""Creates under way at most, with those that await an answer: each is a socket, and 1,024 files is a common limit."""

log = logger()


class Dialer:
    """The creates under way."""

    def __init__(self, http: ProviderHttp, purse: Purse, recorder: Recorder, settings: Settings) -> None:
        self._http = http
        self._purse = purse
        self._recorder = recorder
        self._settings = settings
        self._running: dict[int, asyncio.Task[None]] = {}
        self._unwritten: set[int] = set()
        self._listener: Callable[[], None] = lambda: None

    @property
    def room(self) -> int:
        """How many more creates could be written at once."""
        return max(min(UNWRITTEN - len(self._unwritten), IN_FLIGHT - len(self._running)), 0)

    @property
    def in_hand(self) -> set[int]:
        """The calls that this process knows of and whose end it has not yet recorded."""
        return set(self._running) | self._recorder.in_hand

    def tell(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever there is more room."""
        self._listener = listener

    def dial(self, call: ClaimedCall, send_before: float, source: str) -> None:
        """Send the create of a claimed call now."""
        call_id = call.call_id
        sending = Sending(call, send_before, source, boottime.now(), lambda: self._written(call_id))
        self._unwritten.add(call_id)
        task = asyncio.create_task(self._dial(sending), name=f"dial {call_id}")
        self._running[call_id] = task
        task.add_done_callback(lambda _done: self._ended(call_id))

    def _written(self, call_id: int) -> None:
        self._unwritten.discard(call_id)
        self._listener()

    def _ended(self, call_id: int) -> None:
        del self._running[call_id]
        self._written(call_id)

    async def drain(self) -> None:
        """Wait until every create under way has its answer and is with the recorder."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def _dial(self, sending: Sending) -> None:
        result = await self._send(sending)
        klass = AnswerClass(result.klass)
        metrics.CREATE_RESULTS.labels(klass.value).inc()
        if klass is AnswerClass.DEADLINE:
            metrics.DUPLICATE_DIALS_PREVENTED.labels(how="deadline").inc()
        self._recorder.put(result)

    async def _send(self, sending: Sending) -> DialResult:
        call = sending.call
        try:
            return await self._create(sending)
        except CreateFailed as error:
            result = _failed(call, error, class_of(error).value)
        except SecretUnreadable as error:
            log.error("SECRET_UNREADABLE", **sending.ids)
            klass = AnswerClass.ACCOUNT_BLOCKED.value
            result = DialResult(call.call_id, call.dial_token, klass, code="secret_unreadable", message=str(error))
        except Exception as error:  # a fault of our own must not cost the knowledge of whether a byte left
            log.exception("DIAL_FAILED", **sending.ids)
            klass = (AnswerClass.AMBIGUOUS if sending.sent else AnswerClass.NOT_SENT).value
            result = DialResult(call.call_id, call.dial_token, klass, code="internal", message=type(error).__name__)
        sending.answered(result.klass, None)
        return result

    async def _create(self, sending: Sending) -> DialResult:
        call = sending.call
        crash_point("dispatcher.create.asking")
        accepted = await create_call(
            self._http,
            self._purse.credentials(call),
            self._request(call),
            send_before=sending.send_before,
            on_sent=sending.on_sent,
        )
        crash_point("dispatcher.create.accepted")
        sending.answered(AnswerClass.ACCEPTED.value, accepted.call_sid)
        queue_ms = accepted.queue_time_ms
        return DialResult(call.call_id, call.dial_token, "accepted", call_sid=accepted.call_sid, queue_ms=queue_ms)

    def _request(self, call: ClaimedCall) -> CreateRequest:
        public_url = self._settings.webhook_public_url
        return CreateRequest(
            to=call.to_number,
            from_=call.from_number,
            voice_url=voice_url(public_url, call.dial_token),
            status_callback_url=status_url(public_url, call.dial_token),
            ring_timeout=call.ring_timeout,
            time_limit=int(self._settings.max_call_seconds),
        )


def _failed(call: ClaimedCall, error: CreateFailed, klass: str) -> DialResult:
    rejected = error if isinstance(error, CreateRejected) else None
    code = str(rejected.code) if rejected else {"not_sent": "unreachable"}.get(klass, klass)
    return DialResult(
        call.call_id,
        call.dial_token,
        klass,
        code=code,
        message=str(error)[:500],
        retry_after=rejected.retry_after if rejected else None,
    )
