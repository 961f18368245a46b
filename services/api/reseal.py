"""`python -m services.api reseal`: seals every stored auth token with SECRETS_KEY, so that its forerunner can go.

Rules: a token goes from one seal to the next in one statement that names the seal it replaces, so a token that is
changed meanwhile stays as it was changed; it may end anywhere, be run again, and twice at once.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field

from shared.crashpoints import arm, crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, SecretUnreadable
from shared.queries.sealed_tokens import SealedToken, read_sealed_tokens, replace_sealed_token
from shared.sealing import Sealer
from shared.settings import SealingSettings, read

PROGRAM = "api reseal"
AT_ONCE = 500
NAMED = 20


@dataclass
class Resealed:
    """What one way through all tokens found: how many bear the newest seal by it, before it, and whose cannot be
    opened. `overtaken` counts those that somebody else changed meanwhile."""

    anew: int = 0
    before: int = 0
    overtaken: int = 0
    unreadable: list[int] = field(default_factory=list)


def main() -> int:
    """Seal all tokens anew and tell what was done; the exit status is 1 when some need another look."""
    settings = read(SealingSettings, PROGRAM)
    arm(PROGRAM)
    try:
        done = asyncio.run(_run(settings))
    except (DatabaseAway, DatabaseBusy) as error:
        sys.stderr.write(f"ringfence {PROGRAM}: {error}; what was done stays done, run it again\n")
        return 1
    sys.stdout.write(f"{done.anew} auth tokens sealed anew, {done.before} were already\n")
    if wrong := _left(done):
        sys.stderr.write(f"ringfence {PROGRAM}: {wrong}\n")
        return 1
    sys.stdout.write("SECRETS_KEY opens every one; SECRETS_KEY_PREVIOUS is needed no longer\n")
    return 0


def _left(done: Resealed) -> str | None:
    if done.unreadable:
        named = ", ".join(map(str, done.unreadable[:NAMED])) + (", …" if len(done.unreadable) > NAMED else "")
        return f"{len(done.unreadable)} can be opened with no key that is set: those of the businesses {named}"
    if done.overtaken:
        return f"{done.overtaken} were changed meanwhile; run it again"
    return None


async def _run(settings: SealingSettings) -> Resealed:
    db = Database(settings.database_url.get_secret_value(), name="ringfence-reseal", size=1)
    try:
        return await reseal(db, Sealer(settings.secrets_key, settings.secrets_key_previous))
    finally:
        await db.close()


async def reseal(db: Database, sealer: Sealer) -> Resealed:
    """Go once through all tokens, one statement for each that needs it. Raises DatabaseAway or DatabaseBusy."""
    done, after = Resealed(), 0
    while tokens := await read_sealed_tokens(db, after, AT_ONCE):
        for token in tokens:
            await _seal_anew(db, sealer, token, done)
        after = tokens[-1].business_id
    return done


async def _seal_anew(db: Database, sealer: Sealer, token: SealedToken, done: Resealed) -> None:
    try:
        secret = sealer.open(token.sealed, token.account_sid)
    except SecretUnreadable:
        done.unreadable.append(token.business_id)
        return
    if sealer.is_newest(token.sealed):
        done.before += 1
        return
    crash_point("api.reseal.before")
    replaced = await replace_sealed_token(db, token, sealer.seal(secret, token.account_sid))
    crash_point("api.reseal.committed")
    if replaced:
        done.anew += 1
    else:
        done.overtaken += 1
