"""Sealing the stored auth tokens anew: whatever dies or is changed in the middle, every token goes on opening."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from services.api import reseal as command
from services.api.reseal import Resealed, reseal
from shared.db import Database
from shared.errors import DatabaseAway, SecretUnreadable
from shared.queries import sealed_tokens
from shared.queries.sealed_tokens import SealedToken
from shared.sealing import Sealer
from stack.environment import base_environment
from tests.integration.campaigns import Campaigns, campaigns_in, new_sid

OLD, NEW = "the key until now", "the key from now on"
BEFORE, AFTER, ALONE = Sealer(SecretStr(OLD)), Sealer(SecretStr(NEW), SecretStr(OLD)), Sealer(SecretStr(NEW))


class Tokens:
    """Businesses with accounts of their own."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns
        self._connection = campaigns.connection

    async def add(self, number: int = 1, sealer: Sealer = BEFORE) -> list[int]:
        """So many more, their tokens sealed by this one."""
        return [await self._one(sealer) for _ in range(number)]

    async def _one(self, sealer: Sealer) -> int:
        sid = new_sid("AC")
        account = await self._campaigns.account(sid)
        return await self._campaigns.business(account=account, sealed=sealer.seal(_secret_of(sid), sid))

    async def change(self, business: int) -> None:
        """What an admin does who stores another token: nobody may put the earlier one back."""
        sid = await self._sid(business)
        await self._connection.execute(
            "UPDATE businesses SET auth_token_sealed = $2 WHERE id = $1",
            business,
            BEFORE.seal(SecretStr("a token that was changed"), sid),
        )

    async def opened(self, business: int, sealer: Sealer) -> str:
        """A business's token, opened by this one."""
        sealed = await self._connection.fetchval("SELECT auth_token_sealed FROM businesses WHERE id = $1", business)
        return sealer.open(sealed, await self._sid(business)).get_secret_value()

    async def all_open(self, businesses: Sequence[int], sealer: Sealer) -> bool:
        """Whether each opens and is what was stored."""
        return all(
            [
                await self.opened(business, sealer) == _secret_of(await self._sid(business)).get_secret_value()
                for business in businesses
            ]
        )

    async def _sid(self, business: int) -> str:
        return str(
            await self._connection.fetchval(
                "SELECT a.account_sid FROM accounts a JOIN businesses b ON b.account_id = a.id WHERE b.id = $1",
                business,
            )
        )


def _secret_of(sid: str) -> SecretStr:
    return SecretStr(f"the token of {sid}")


@pytest.fixture
async def tokens(database_url: str) -> AsyncIterator[Tokens]:
    async with campaigns_in(database_url) as campaigns:
        yield Tokens(campaigns)


@asynccontextmanager
async def opened_database(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url, name="reseal test", size=1)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with opened_database(database_url) as one:
        yield one


async def test_every_token_gets_the_newest_seal_and_a_second_time_changes_nothing(
    tokens: Tokens, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "AT_ONCE", 2)
    businesses = await tokens.add(5)
    assert await reseal(db, AFTER) == Resealed(anew=5)
    assert await tokens.all_open(businesses, ALONE)
    assert await reseal(db, AFTER) == Resealed(before=5)
    assert await reseal(db, ALONE) == Resealed(before=5)


async def test_what_ends_in_the_middle_is_gone_on_with_by_the_next(
    tokens: Tokens, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    businesses = await tokens.add(5)
    made = 0

    async def two_and_no_more(db: Database, token: SealedToken, anew: bytes) -> bool:
        nonlocal made
        made += 1
        if made > 2:
            raise DatabaseAway("the database cannot be reached")
        return await sealed_tokens.replace_sealed_token(db, token, anew)

    with monkeypatch.context() as dying:
        dying.setattr(command, "replace_sealed_token", two_and_no_more)
        with pytest.raises(DatabaseAway):
            await reseal(db, AFTER)
    assert await tokens.all_open(businesses, AFTER), "in between both keys are needed, and enough"
    assert await reseal(db, AFTER) == Resealed(anew=3, before=2)
    assert await tokens.all_open(businesses, ALONE)


async def test_a_token_that_is_changed_meanwhile_stays_as_it_was_changed(
    tokens: Tokens, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _first, changed, _third = await tokens.add(3)

    async def read_then_changed(db: Database, after: int, most: int) -> Sequence[SealedToken]:
        found = await sealed_tokens.read_sealed_tokens(db, after, most)
        if found:
            await tokens.change(changed)
        return found

    with monkeypatch.context() as racing:
        racing.setattr(command, "read_sealed_tokens", read_then_changed)
        assert await reseal(db, AFTER) == Resealed(anew=2, overtaken=1)
    assert await tokens.opened(changed, BEFORE) == "a token that was changed"
    assert await reseal(db, AFTER) == Resealed(anew=1, before=2)
    assert await tokens.opened(changed, ALONE) == "a token that was changed"


async def test_two_at_once_seal_each_token_once(tokens: Tokens, db: Database, database_url: str) -> None:
    businesses = await tokens.add(20)
    async with opened_database(database_url) as other:
        done = await asyncio.gather(reseal(db, AFTER), reseal(other, AFTER))
    assert sum(one.anew for one in done) == 20
    assert sum(one.anew + one.before + one.overtaken for one in done) == 40
    assert await tokens.all_open(businesses, ALONE)


async def test_a_token_that_no_key_opens_is_named_and_left_as_it_is(tokens: Tokens, db: Database) -> None:
    stranger = Sealer(SecretStr("a key that nobody has any more"))
    (lost,) = await tokens.add(1, stranger)
    businesses = await tokens.add(2)
    assert await reseal(db, AFTER) == Resealed(anew=2, unreadable=[lost])
    assert await tokens.all_open(businesses, ALONE)
    assert await tokens.all_open([lost], stranger)
    with pytest.raises(SecretUnreadable):
        await tokens.opened(lost, AFTER)


async def _run(database_url: str, **env: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.api", "reseal"),
        env={**base_environment(), "DATABASE_URL": database_url, **env},
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_says_what_it_did_and_shows_no_secret(tokens: Tokens, database_url: str) -> None:
    businesses = await tokens.add(2)
    keys = {"SECRETS_KEY": NEW, "SECRETS_KEY_PREVIOUS": OLD}
    assert await _run(database_url, **keys) == (
        0,
        "2 auth tokens sealed anew, 0 were already\n"
        "SECRETS_KEY opens every one; SECRETS_KEY_PREVIOUS is needed no longer\n",
        "",
    )
    assert await tokens.all_open(businesses, ALONE)
    status, out, err = await _run(database_url, SECRETS_KEY="a third key")
    assert status == 1
    assert out == "0 auth tokens sealed anew, 0 were already\n"
    named = ", ".join(map(str, businesses))
    assert err == f"ringfence api reseal: 2 can be opened with no key that is set: those of the businesses {named}\n"


async def test_without_a_key_or_a_database_the_command_says_so_in_one_line(database_url: str) -> None:
    status, out, err = await _run(database_url)
    assert (status, out, err) == (2, "", "ringfence api reseal: bad settings: SECRETS_KEY is required\n")
    status, out, err = await _run("postgresql://nobody@127.0.0.1:9/none", SECRETS_KEY=NEW)
    assert (status, out) == (1, "")
    assert err.startswith("ringfence api reseal: the database ")
    assert err.endswith("; what was done stays done, run it again\n")
    assert err.count("\n") == 1
