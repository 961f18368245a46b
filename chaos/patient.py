"""A user of the API who asks again until he is answered, as one does whose service is killed now and then."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import aiohttp

from chaos.errors import ChaosError
from stack.client import Answer, Client

PATIENCE = 180.0
AGAIN_AFTER = 0.2


class PatientClient(Client):
    """Every request is repeated while nobody answers it, or only to say that it cannot be done now."""

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """The first answer below 500."""
        return (await self.insist(method, path, **options))[0]

    async def insist(self, method: str, path: str, **options: Any) -> tuple[Answer, int]:
        """The first answer below 500, and how often it was asked for before: then it may have been done before."""
        deadline = time.monotonic() + PATIENCE
        for repeats in itertools.count():
            try:
                answer = await super().request(method, path, **options)
            except (aiohttp.ClientError, TimeoutError):
                answer = None
            if answer is not None and answer.status < 500:
                return answer, repeats
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(AGAIN_AFTER)
        raise ChaosError(f"nobody has answered {method} {path} for {PATIENCE:g} s: {answer}")
