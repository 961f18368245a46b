"""Why one lead of many is refused, in words that are chosen when the asker's language is known."""

from __future__ import annotations

from shared import messages
from shared.errors import RingfenceError


class Refused(RingfenceError):
    """One lead cannot be taken as it stands."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def text(self, locale: str) -> str:
        """Return the reason in a language."""
        return messages.text(locale, self.key, None, **self.values)
