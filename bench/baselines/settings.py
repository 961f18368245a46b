"""What a baseline's processes are told by their environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """`database_url` names the schema too; `redis_url` is empty where the design has no Redis."""

    database_url: str
    amqp_url: str
    redis_url: str
    provider_url: str
    account_sid: str
    auth_token: str
    from_number: str
    public_url: str

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises KeyError for what is missing."""
        return cls(**{name: os.environ[f"BASELINE_{name.upper()}"] for name in cls.__dataclass_fields__})

    def as_environment(self) -> dict[str, str]:
        """What `from_environment` reads."""
        return {f"BASELINE_{name.upper()}": getattr(self, name) for name in self.__dataclass_fields__}
