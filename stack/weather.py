"""What a link between two programs can be like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["up", "down"]
"""Up is towards the server, down towards the client."""

BOTH: tuple[Way, ...] = ("up", "down")

Kind = Literal["clear", "delay", "hold", "hole", "cut"]


@dataclass(frozen=True)
class Weather:
    """The state of a link; spans are in seconds.

    clear: bytes pass. delay: each byte arrives `seconds` later, and up to `jitter` more, in order. hold: bytes stop
    and go on afterwards, as after retransmissions. hole: bytes are swallowed, and a connection that lost some is reset
    afterwards. cut: what is there is reset, what is new is refused. `ways` are the directions that delay, hold and hole
    concern; in all three connections stay open and new ones are accepted.
    """

    kind: Kind = "clear"
    ways: tuple[Way, ...] = BOTH
    seconds: float = 0.0
    jitter: float = 0.0

    def stops(self, way: Way) -> bool:
        return self.kind == "hold" and way in self.ways

    def swallows(self, way: Way) -> bool:
        return self.kind == "hole" and way in self.ways

    def slows(self, way: Way) -> bool:
        return self.kind == "delay" and way in self.ways


CLEAR = Weather()
CUT = Weather("cut")
