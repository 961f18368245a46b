"""A user of the API who asks again until he is answered, as one does whose service is killed now and then."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from stack.client import Answer, Client

PATIENCE = 60.0
BOUNDARY = "ringfence"


class PatientClient(Client):
    """Every request is repeated while nobody answers it, or only to say that it cannot be done now."""

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """The first answer below 500."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = await super().request(method, path, **options)
            except (aiohttp.ClientError, TimeoutError):
                answer = None
            if answer is not None and answer.status < 500:
                return answer
            assert time.monotonic() < deadline, f"nobody answers {method} {path}: {answer}"
            await asyncio.sleep(0.05)

    async def import_leads(self, content: bytes, filename: str = "leads.csv") -> dict[str, Any]:
        """As its parent's, with a body that can be sent twice."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        body = f"{head}Content-Type: text/csv\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await self.request("POST", "/api/leads/import", data=body, headers=headers)
        assert answer.status == 200, answer
        return dict(answer.body)
