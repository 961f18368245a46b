"""What a service of the system finds in its environment: its settings, and nothing of ours by accident."""

import os
import secrets
from collections.abc import Mapping

from stack.rundir import ROOT

INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
FROM_NUMBER = "+15005550006"

Settings = Mapping[str, str | None]


def base_environment() -> dict[str, str]:
    """The little of our environment that a child needs, and the checkout as the place of its code.

    Children run in a folder without an `.env`, so that what they do is said here alone.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def new_secrets() -> dict[str, str]:
    """A Twilio account, a key for tokens and one for secrets at rest, all made up now."""
    return {
        "JWT_SECRET": secrets.token_urlsafe(48),
        "SECRETS_KEY": secrets.token_urlsafe(32),
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_FROM_NUMBER": FROM_NUMBER,
    }


def merged(*layers: Settings) -> dict[str, str]:
    """Settings in which the later layer wins, and None takes a setting away."""
    together: dict[str, str | None] = {}
    for layer in layers:
        together.update(layer)
    return {name: value for name, value in together.items() if value is not None}
