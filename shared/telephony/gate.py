"""The gate between a create and the wire.

Rules: the first byte passes only while there is time, and only once; the check and the write happen in one turn of
the event loop, under a dead man's switch. aiohttp buffers the headers and hands them over with the first piece of the
body, so the body's own writing is the last moment at which nothing has left. `opened` therefore tells a request that
was never sent from one that may arrive. A create that did not end with a whole answer has its connection reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from shared.crashpoints import crash_point, crash_point_soon
from shared.errors import DeadlinePassed, NotSent
from shared.telephony import boottime
from shared.telephony.deadman import dead_mans_switch


class Gate:
    """Lets one create out while `boottime.now() < send_before`; leaving the block resets an unfinished one."""

    def __init__(self, send_before: float, on_sent: Callable[[], None] | None = None) -> None:
        self.send_before = send_before
        self._on_sent = on_sent
        self.opened = False
        self.refusal: NotSent | None = None
        self.on_open: Callable[[], None] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._shut = False

    def remaining(self) -> float:
        """Seconds until the gate stays closed; not positive once it does."""
        return self.send_before - boottime.now()

    def open(self, transport: asyncio.WriteTransport | None) -> None:
        """Raises DeadlinePassed or NotSent instead of letting a byte out."""
        if self._shut or self.opened:
            raise self._refuse(NotSent("the request is over"))
        if transport is None or transport.is_closing():
            raise self._refuse(NotSent("the connection was closed before the request was written"))
        if self.remaining() <= 0:
            raise self._refuse(DeadlinePassed())
        self.opened = True
        self._transport = transport
        for told in (self.on_open, self._on_sent):
            if told is not None:
                told()

    def answered(self) -> None:
        """The whole answer is here: the connection may be kept."""
        self._transport = None

    def shut(self) -> None:
        """Nothing passes from now on, and an unfinished exchange is reset."""
        self._shut = True
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    def _refuse(self, why: NotSent) -> NotSent:
        self.refusal = self.refusal or why
        return why


class GatedForm(BytesPayload):
    """A form body whose first byte asks the gate."""

    def __init__(self, form: bytes, gate: Gate) -> None:
        super().__init__(form, content_type="application/x-www-form-urlencoded")
        self._gate = gate

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        crash_point("create.deadline.asking")
        with dead_mans_switch(self._gate.send_before):
            self._gate.open(writer.transport)
            crash_point("create.deadline.passed")
            await super().write_with_length(writer, content_length)
            crash_point_soon("create.bytes.sent")
