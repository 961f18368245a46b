"""Why one lead of many is refused, in words that are chosen when the asker's language is known.

Rules: what is kept is the reason, never the exception that brought it: an exception holds on to everything that its
frames did, a whole batch of lines for instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared import messages
from shared.errors import RingfenceError


@dataclass(frozen=True, slots=True)
class Reason:
    """The key of a text, and the values that stand in it."""

    key: str
    values: Mapping[str, Any]

    def text(self, locale: str) -> str:
        """Return the reason in a language."""
        return messages.text(locale, self.key, **self.values)


class Refused(RingfenceError):
    """One lead, or one value, cannot be taken as it stands."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.reason = Reason(key, values)
