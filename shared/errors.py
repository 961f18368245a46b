"""Everything Ringfence raises on purpose: one tree, and the docstring is the message when none is given."""

from __future__ import annotations


class RingfenceError(Exception):
    """Ringfence could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SchemaTooOld(RingfenceError):
    """The database schema is older than this program: run `python -m shared.migrations`."""


class MigrationFailed(RingfenceError):
    """The database refused a step of the migration; nothing was changed."""


class DatabaseAway(RingfenceError):
    """The database cannot be reached."""


class DatabaseBusy(RingfenceError):
    """A lock or a statement took longer than its limit; the transaction left nothing behind."""


class DatabaseConflict(RingfenceError):
    """A constraint of the database refused a write; the message names it."""


class BrokerAway(RingfenceError):
    """The broker did not confirm the message in time."""


class IsolationBroken(RingfenceError):
    """The API's role can read rows of a business it has not named: row-level security is not in force."""


class Unauthorized(RingfenceError):
    """The bearer token is missing, bad, expired, or lacks a claim."""


class KeysAway(RingfenceError):
    """The keys that sign bearer tokens could not be read yet, so no token can be judged."""


class SecretUnreadable(RingfenceError):
    """A stored auth token cannot be opened with SECRETS_KEY."""


class CreateFailed(RingfenceError):
    """A create request did not end in a call that is known to exist."""


class NotSent(CreateFailed):
    """No byte of the create request left this process."""


class DeadlinePassed(NotSent):
    """The call's deadline passed before its create request could be written."""


class Ambiguous(CreateFailed):
    """The create request may have been carried out; no usable answer came."""


class CreateRejected(CreateFailed):
    """The provider answered that it did not carry out the create request.

    `code` is the provider's error code (or the HTTP status where it gave none), `retry_after` is in seconds.
    """

    def __init__(self, code: int, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class ProviderAway(RingfenceError):
    """A read or an update at the provider did not succeed."""


class IllegalTransition(RingfenceError):
    """The state machine has no such step."""
