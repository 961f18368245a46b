"""Faults of servers: RabbitMQ killed, PostgreSQL's sessions ended, PostgreSQL stopped and killed; both come back."""

from __future__ import annotations

import asyncio
import random

import asyncpg

from chaos.stage import Stage

BROKER_MEAN = 35.0
SESSIONS_MEAN = 6.0
DATABASE_MEAN = 45.0
DOWN = (0.0, 5.0)
SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY pid
"""


class Outages:
    """Breaks the servers."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._database = asyncio.Lock()

    async def play(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stage.now_and_then("broker", BROKER_MEAN, self._break_broker))
            group.create_task(self._stage.now_and_then("sessions", SESSIONS_MEAN, self._end_sessions))
            group.create_task(self._stage.now_and_then("database", DATABASE_MEAN, self._break_database))

    async def _break_broker(self, chance: random.Random) -> None:
        down = chance.uniform(*DOWN)
        self._stage.notes.count("rabbitmq_killed")
        await self._stage.stack.kill_rabbitmq()
        await self._stage.pause(down)
        await self._stage.stack.start_rabbitmq()
        self._stage.notes.tell("rabbitmq_is_back")

    async def _break_database(self, chance: random.Random) -> None:
        crash, down = chance.random() < 0.5, chance.uniform(*DOWN)
        async with self._database:
            if crash:
                self._stage.notes.count("postgres_killed")
                await self._stage.stack.kill_postgres()
            else:
                self._stage.notes.count("postgres_stopped")
                await self._stage.stack.stop_postgres()
            await self._stage.pause(down)
            await self._stage.stack.start_postgres()
        self._stage.notes.tell("postgres_is_back")

    async def _end_sessions(self, chance: random.Random) -> None:
        share = chance.choice((0.1, 0.3, 1.0))
        async with self._database:
            connection = await asyncpg.connect(self._stage.stack.database_url)
            try:
                found = [row["pid"] for row in await connection.fetch(SESSIONS)]
                victims = [pid for pid in found if chance.random() < share]
                await connection.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", victims)
            finally:
                await connection.close()
        self._stage.notes.counts["sessions_ended"] += len(victims)
        self._stage.notes.tell("sessions_ended", sessions=len(victims), of=len(found))
