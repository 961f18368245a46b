"""What the provider's answers to reads and hang-ups raise."""

from __future__ import annotations

from shared.errors import ProviderAway


class ProviderRefused(ProviderAway):
    """The provider answered, and refused.

    `code` is the provider's error code (or the HTTP status where it gave none), `retry_after` is in seconds.
    """

    def __init__(self, code: int, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
