"""What every request of this process shares."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.api.languages import Locales
from shared.auth import TokenVerifier
from shared.broker import Publisher
from shared.db import Database
from shared.health import Health
from shared.settings import Settings

API_ROLE = "ringfence_api"
PLATFORM_ROLE = "ringfence_platform"
POOL = 8
SMALL_POOL = 3


@dataclass(frozen=True)
class Pools:
    """The pools of one database role.

    `bulk` is for requests that write very many rows, `ending` for those that end a run of very many jobs: nobody who
    wants calls to stop may have to wait behind an import.
    """

    db: Database
    bulk: Database
    ending: Database

    async def close(self) -> None:
        """Close every connection that is not in use."""
        await self.db.close()
        await self.bulk.close()
        await self.ending.close()


def open_pools(url: str, role: str, size: int) -> Pools:
    """Return pools whose connections are made under `role` when they are first needed."""
    name = role.replace("_", "-")
    return Pools(
        Database(url, name=name, role=role, size=size),
        Database(url, name=f"{name}-bulk", role=role, size=SMALL_POOL, bulk=True),
        Database(url, name=f"{name}-ending", role=role, size=SMALL_POOL, bulk=True),
    )


@dataclass
class Context:
    """The settings, pools and helpers of this process. Requests are refused until `ready`."""

    settings: Settings
    verifier: TokenVerifier
    publisher: Publisher
    health: Health
    own: Pools = field(init=False)
    platform: Pools = field(init=False)
    locales: Locales = field(init=False)
    ready: bool = False

    def __post_init__(self) -> None:
        url = self.settings.database_url.get_secret_value()
        self.own = open_pools(url, API_ROLE, POOL)
        self.platform = open_pools(url, PLATFORM_ROLE, SMALL_POOL)
        self.locales = Locales(self.platform.db)

    async def close_connections(self) -> None:
        """Close the connections that are not in use: after an outage each of them would fail once."""
        await self.own.close()
        await self.platform.close()
