"""What an import costs the API's process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import MakeStack

LINES = 200_000
ALLOWED_MEGABYTES = 25
"""Half of what a file five times as long may take."""


def megabytes(pid: int, field: str) -> float:
    """A figure of the process (VmRSS: held now, VmHWM: at most so far)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"the kernel does not tell {field}")


def lines() -> Iterator[str]:
    yield "phone,name,city,note\n"
    for number in range(LINES):
        yield (
            f"052-{2_000_000 + number},לקוח {number},תל אביב,customer {number}\n" if number % 100 else "123,nobody,,\n"
        )


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines())
    return path


async def test_a_file_is_streamed_and_others_are_answered_meanwhile(make_stack: MakeStack, big_file: Path) -> None:
    """Memory does not grow with the file: when it does, one large import ends the process for everybody."""
    stack = await make_stack(["api"])
    platform = stack.client("platform_admin")
    business, other = await platform.create_business("imports"), await platform.create_business("waits")
    await stack.client("operator", business).import_leads(b"phone\n0541234567\n")
    pid = stack.service("api").child.pid
    idle = megabytes(pid, "VmRSS")
    upload = asyncio.create_task(_upload(stack.url("api"), stack.token("operator", business), big_file))
    answered = 0
    while not upload.done():
        assert await stack.client("viewer", other).leads() == []
        answered += 1
        await asyncio.wait([upload], timeout=0.05)
    answer = await upload
    assert (answer["created"], answer["invalid_count"]) == (LINES - LINES // 100, LINES // 100)
    assert answered > 5
    assert megabytes(pid, "VmHWM") - idle < ALLOWED_MEGABYTES


async def _upload(url: str, token: str, path: Path) -> dict[str, int]:
    form = aiohttp.FormData()
    timeout = aiohttp.ClientTimeout(total=300)
    with path.open("rb") as file:
        form.add_field("file", file, filename=path.name, content_type="text/csv")
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {token}"}) as session,
            session.post(f"{url}/api/leads/import", data=form) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())
