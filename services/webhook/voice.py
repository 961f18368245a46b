"""Decides what a call that was answered hears."""

from __future__ import annotations

from xml.sax.saxutils import escape

from services.webhook.door import Asked
from services.webhook.record import Recorder, voice_heard
from shared.db import Database
from shared.domain import CallState
from shared.queries import callbacks
from shared.queries.callbacks import FoundCall, Speech

HANG_UP = "<Response><Hangup/></Response>"
SUPERSEDED = frozenset({"second_sid", "surfaced", "foreign_sid"})


class Voice:
    """Answers voice requests."""

    def __init__(self, db: Database, recorder: Recorder) -> None:
        self._db = db
        self._recorder = recorder

    async def answer(self, signed: Asked) -> str:
        """The TwiML for this call: its run's, or the order to hang up. Raises DatabaseAway or DatabaseBusy."""
        sid = signed.callback.call_sid
        superseded = is_superseded(signed.call, sid)
        speech = signed.call.speech
        if is_news(signed.call, sid):
            recorded = await self._recorder.record(voice_heard(signed))
            superseded = superseded or recorded.result in SUPERSEDED
            if not superseded:  # the record may have waited, and the run been cancelled meanwhile
                speech = await callbacks.read_speech(self._db, signed.call.run_id)
        return HANG_UP if superseded else twiml(speech)


def is_superseded(call: FoundCall, sid: str) -> bool:
    """Whether this call should not be: given up, its job claimed again, or a second call for its token."""
    return call.state == CallState.ABANDONED or call.job_moved_on or call.certain_sid not in (None, sid)


def is_news(call: FoundCall, sid: str) -> bool:
    """Whether the request tells of a call that the row does not know yet."""
    return call.certain_sid != sid or (call.state == CallState.ABANDONED and call.surfaced_at is None)


def twiml(speech: Speech | None) -> str:
    """What a run says, as TwiML."""
    if speech is None or speech.force_cancelled:
        return HANG_UP
    if speech.twiml is not None:
        return speech.twiml
    if speech.twiml_url is not None:
        return f"<Response><Redirect>{escape(speech.twiml_url)}</Redirect></Response>"
    return HANG_UP
