"""HTTP as uvicorn speaks it with httptools, which sets no limit of its own to the head of a request."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of request line and headers, what uvicorn's other protocol allows."""


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection whose request's head goes on beyond the limit, before it fills the memory."""

    _head_open = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and refuse the request with 400 when its head has become too long."""
        was_open = self._head_open
        super().data_received(data)
        if was_open and self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("The request's head is too long.")

    def on_message_begin(self) -> None:
        """Count anew."""
        self._head_open, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count no more: the body has limits of its own."""
        self._head_open = False
        super().on_headers_complete()
