"""A start over a database that comes and goes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from shared.db import Database
from shared.errors import DatabaseAway
from shared.migrations.upgrade import known_revisions
from shared.process import Stop
from shared.schema import await_schema


class Shaky(Database):
    """Answers the first question, goes away at the next ones, and is then there for good."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.waited = 0

    async def wait(self, stop: Any, *, pause: float = 0.5) -> bool:
        self.waited += 1
        return not stop.is_set()

    async def row(self, statement: Any, **values: Any) -> Any:
        if self.away:
            self.away -= 1
            raise DatabaseAway("it went away")
        return SimpleNamespace(present=True, version_num=known_revisions()[0])


async def test_a_database_that_goes_away_while_its_schema_is_read_is_waited_for_again() -> None:
    """Else a service that starts during a failover ends with an error instead of waiting."""
    db = Shaky(away=2)
    assert await await_schema(db, Stop())
    assert db.waited == 3


async def test_a_stop_ends_the_waiting() -> None:
    stop = Stop()
    stop.set()
    assert not await await_schema(Shaky(away=1), stop)
