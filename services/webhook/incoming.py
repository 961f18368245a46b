"""A request as it came, as far as this service reads it: no more is made of it than what a callback needs."""

from __future__ import annotations

from starlette.types import Receive, Scope

UNKNOWN_EVENT = "unknown"


class Incoming:
    """One POST to one of the two addresses; `word` stands where the token should, `event` is what it counts as.

    `pairs` are the body's fields once it has been read.
    """

    __slots__ = ("_headers", "event", "pairs", "receive", "scope", "whole", "word")

    def __init__(self, scope: Scope, receive: Receive, word: str, event: str = UNKNOWN_EVENT) -> None:
        self.scope = scope
        self.receive = receive
        self.word = word
        self.event = event
        self.pairs: list[tuple[str, str]] = []
        self.whole = False
        """Whether the body has been read to its end."""
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def header(self, name: bytes) -> str | None:
        """The first header of this name, which is in lower case."""
        for given, value in self._headers:
            if given == name:
                return value.decode("latin-1")
        return None

    @property
    def address(self) -> str:
        """Path and query, as they were sent."""
        path: bytes = self.scope["raw_path"]
        query: bytes = self.scope["query_string"]
        return (path + b"?" + query if query else path).decode("latin-1")
