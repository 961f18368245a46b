"""The engine that migrations run on, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import asyncpg
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import connection_options


def make_engine(url: str, *, name: str) -> AsyncEngine:
    """An engine that keeps no connection open and awaits each answer for as long as it takes.

    Rewriting a large table may take minutes.
    """
    connect = partial(asyncpg.connect, url, **connection_options(name=name, patient=True))
    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)


@contextmanager
def unwrapped() -> Iterator[None]:
    """Let the driver's errors through as they were, without what SQLAlchemy put around them."""
    try:
        yield
    except exc.DBAPIError as error:
        cause = error.orig and error.orig.__cause__
        if cause is None:
            raise
        raise cause from None
