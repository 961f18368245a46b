"""Whether the message that is being handled had been delivered before, and its work perhaps been done."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

REDELIVERED: Final[ContextVar[bool]] = ContextVar("redelivered", default=False)
"""Set by the Consumer around each handler; false outside of one."""
