"""The endpoint for the provider's status callbacks: FastAPI, as each baseline's users would write it.

It checks the signature with the SDK, writes down how the call ended, ends the run with its last job, and gives the slot
back in whatever way the design has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from psycopg_pool import AsyncConnectionPool
from twilio.request_validator import RequestValidator

from bench.baselines.settings import Settings

POOL_SIZE = 8
END = """
    UPDATE jobs SET status = 'done', call_sid = coalesce(call_sid, %(sid)s), call_status = %(status)s, ended_at = now()
    WHERE id = %(job)s AND status <> 'done'
    RETURNING run_id, business_id, slot
"""
FINISH = """
    UPDATE runs SET status = 'completed', ended_at = now()
    WHERE id = %s AND status = 'running'
        AND NOT EXISTS (SELECT FROM jobs WHERE run_id = runs.id AND status IN ('queued', 'dialing', 'calling'))
"""


@dataclass(frozen=True)
class Ended:
    """A job whose call is over, with the slot that it noted, if it noted one."""

    job_id: int
    business_id: int
    slot: str | None


Free = Callable[[Any, Ended], Awaitable[None]]
"""Gives a slot back; the first argument is the connection, in the transaction that ended the job."""


def callback_app(settings: Settings, free: Free) -> FastAPI:
    """The web application; `/healthz` says that it is up."""
    validator = RequestValidator(settings.auth_token)
    pool = AsyncConnectionPool(settings.database_url, min_size=POOL_SIZE, max_size=POOL_SIZE, open=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response(status_code=204)

    @app.post("/status/{job_id}")
    async def status(job_id: int, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        url = f"{settings.public_url}{request.url.path}"
        if not validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")):
            return Response(status_code=403)
        async with pool.connection() as connection:
            await _end(connection, job_id, form, free)
        return Response(status_code=204)

    return app


async def _end(connection: Any, job_id: int, form: dict[str, str], free: Free) -> None:
    about = {"job": job_id, "sid": form["CallSid"], "status": form["CallStatus"]}
    ended = await (await connection.execute(END, about)).fetchone()
    if ended is not None:
        run_id, business_id, slot = ended
        await connection.execute(FINISH, [run_id])
        await free(connection, Ended(job_id, business_id, slot))
