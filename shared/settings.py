"""Every setting of every service, read from the environment and `.env`, and validated together at start.

Rules: the names are those of the environment in lower case; durations are seconds; a value that is missing, makes no
sense or contradicts another ends the process with one line that names the variable and never shows a secret. What
neither the environment nor `.env` names may stand in the folder SECRETS_DIR, one file per setting, as orchestrators
mount secrets.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.partition import MOST_PARTITIONS

Service = Literal["api", "webhook", "dispatcher", "reaper"]

DEFAULT_PORTS: dict[Service, int] = {"api": 8000, "webhook": 8001, "dispatcher": 8002, "reaper": 8003}
EXIT_BAD_SETTINGS = 2
ONE_DAY = 86_400


def _split(url: str, schemes: tuple[str, ...], *, host_needed: bool = True) -> SplitResult:
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- a bad port raises when it is read
    except ValueError:
        raise ValueError(f"is not a well-formed {wanted} URL") from None
    if parts.scheme not in schemes or re.search(r"\s", url):
        raise ValueError(f"must be a URL that begins with {wanted}")
    if host_needed and not parts.hostname:
        raise ValueError("must name a host")
    return parts


def _database_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    parts = _split(url, ("postgresql", "postgres"), host_needed=False)
    return SecretStr("postgresql" + url[len(parts.scheme) :])


def _amqp_url(value: SecretStr) -> SecretStr:
    _split(value.get_secret_value(), ("amqp", "amqps"))
    return value


def _http_url(url: str) -> str:
    parts = _split(url, ("https", "http"))
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    if "#" in url:
        raise ValueError("must not have a fragment")
    return url


def _base_url(url: str) -> str:
    if "?" in _http_url(url):
        raise ValueError("must not have a query")
    return url.rstrip("/")


def _public_url(url: str) -> str:
    base = _base_url(url)
    if "_" in (urlsplit(base).hostname or ""):
        raise ValueError("must not have an underscore in its host: Twilio refuses to call such a host")
    return base


def _account_sid(value: str) -> str:
    if not re.fullmatch(r"AC[0-9a-zA-Z]{32}", value):
        raise ValueError("must be AC followed by 32 letters and digits")
    return value


def _e164(value: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
        raise ValueError("must be a phone number in E.164 form, such as +972501234567")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Seconds = Annotated[float, Field(gt=0, le=ONE_DAY, allow_inf_nan=False)]
Secret = Annotated[SecretStr, Field(min_length=1)]
DatabaseUrl = Annotated[Secret, AfterValidator(_database_url)]
AmqpUrl = Annotated[Secret, AfterValidator(_amqp_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
AccountSid = Annotated[str, AfterValidator(_account_sid)]
E164 = Annotated[str, AfterValidator(_e164)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
LogFormat = Annotated[Literal["json", "console"], BeforeValidator(_lower)]


class _SecretFiles(SecretsSettingsSource):
    """An empty file is an unset setting, as an empty variable is."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if value != ""}


class _FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the settings are read from, the strongest first."""
        if isinstance(file_secret_settings, SecretsSettingsSource):
            file_secret_settings = _SecretFiles(settings_cls, file_secret_settings.secrets_dir)
        return init_settings, env_settings, dotenv_settings, file_secret_settings


class MigrationSettings(_FromEnvironment):
    """What bringing a schema up to date needs."""

    database_url: DatabaseUrl
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "json"


class SealingSettings(_FromEnvironment):
    """What sealing the stored secrets anew needs."""

    database_url: DatabaseUrl
    secrets_key: Secret
    secrets_key_previous: Secret | None = None


class TokenSettings(_FromEnvironment):
    """What minting a token for local use needs."""

    jwt_secret: Secret


class Settings(_FromEnvironment):
    """What the four services share; `load_settings` adds what one of them needs."""

    database_url: DatabaseUrl
    amqp_url: AmqpUrl
    webhook_public_url: PublicUrl

    jwt_secret: Secret | None = None
    jwt_secret_previous: Secret | None = None
    jwt_jwks_url: HttpUrl | None = None

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = DEFAULT_PORTS["api"]

    twilio_api_url: BaseUrl = "https://api.twilio.com"
    twilio_account_sid: AccountSid | None = None
    twilio_auth_token: Secret | None = None
    twilio_auth_token_previous: Secret | None = None
    twilio_from_number: E164 | None = None
    secrets_key: Secret | None = None
    secrets_key_previous: Secret | None = None

    max_concurrent_calls: Annotated[int, Field(ge=1, le=100_000)] = 3
    calls_per_second: Annotated[float, Field(ge=0.0001, le=100_000, allow_inf_nan=False)] = 1.0

    heartbeat_interval: Seconds = 2.0
    sweep_interval: Seconds = 1.0
    nudge_after: Seconds = 5.0
    stale_after: Seconds = 30.0
    lease_seconds: Seconds = 10.0
    send_within: Seconds = 3.0
    dial_timeout: Seconds = 15.0
    settle_after: Seconds = 5.0
    absent_after: Seconds = 60.0
    webhook_grace: Seconds = 60.0
    dispatch_partitions: Annotated[int, Field(ge=1, le=MOST_PARTITIONS)] = 1
    dispatch_ordinal: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    max_call_seconds: Annotated[int, Field(ge=1, le=ONE_DAY)] = 3_600

    log_level: LogLevel = "INFO"
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if wrong := [*self._timing_wrong(), *self._account_wrong()]:
            raise ValueError("; ".join(wrong))
        return self

    def _timing_wrong(self) -> Iterator[str]:
        if self.heartbeat_interval >= self.nudge_after:
            yield "HEARTBEAT_INTERVAL must be shorter than NUDGE_AFTER"
        if self.nudge_after >= self.stale_after:
            yield "NUDGE_AFTER must be shorter than STALE_AFTER"

    def _account_wrong(self) -> Iterator[str]:
        if self.twilio_account_sid and not self.twilio_auth_token:
            yield "TWILIO_ACCOUNT_SID is set without TWILIO_AUTH_TOKEN"
        if self.twilio_from_number and not self.twilio_account_sid:
            yield "TWILIO_FROM_NUMBER is set without TWILIO_ACCOUNT_SID"
        if self.twilio_auth_token_previous and not self.twilio_auth_token:
            yield "TWILIO_AUTH_TOKEN_PREVIOUS is set without TWILIO_AUTH_TOKEN"
        if self.secrets_key_previous and not self.secrets_key:
            yield "SECRETS_KEY_PREVIOUS is set without SECRETS_KEY"

    def secret_values(self) -> Iterator[str]:
        """Yield every secret that is set, and the passwords within URLs, for the log to keep out."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                yield value.get_secret_value()
        for url in (self.database_url, self.amqp_url):
            if password := urlsplit(url.get_secret_value()).password:
                yield password


def load_settings(service: Service) -> Settings:
    """Return the settings of a service, or end the process with status 2 and one line on standard error."""
    settings = read(Settings, service)
    if service == "api" and (wrong := list(_verification_wrong(settings))):
        refuse(service, wrong)
    if "port" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"port": DEFAULT_PORTS[service]})


def _verification_wrong(settings: Settings) -> Iterator[str]:
    if settings.jwt_secret and settings.jwt_jwks_url:
        yield "JWT_SECRET and JWT_JWKS_URL contradict each other: set one of them"
    if not settings.jwt_secret and not settings.jwt_jwks_url:
        yield "JWT_SECRET or JWT_JWKS_URL is required"
    if settings.jwt_secret_previous and not settings.jwt_secret:
        yield "JWT_SECRET_PREVIOUS is set without JWT_SECRET"


Read = TypeVar("Read", bound=BaseSettings)


def read(kind: type[Read], program: str) -> Read:
    """Return settings of this kind, or end the process as `refuse` does."""
    folder = os.environ.get("SECRETS_DIR")
    if folder and not Path(folder).is_dir():
        refuse(program, [f"SECRETS_DIR names no folder: {folder}"])
    try:
        return kind(_secrets_dir=folder or None)
    except ValidationError as error:
        refuse(program, [_sentence(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors()])
    except (SettingsError, UnicodeDecodeError, OSError) as error:
        places = f".env or a file in {folder}" if folder else ".env"
        refuse(program, [f"{places} cannot be read ({type(error).__name__})"])


def refuse(program: str, wrong: list[str]) -> NoReturn:
    """End the process with status 2 after one line on standard error."""
    sys.stderr.write(f"ringfence {program}: bad settings: {'; '.join(wrong)}\n")
    raise SystemExit(EXIT_BAD_SETTINGS)


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    reason = message.removeprefix("Value error, ").removeprefix("Input ")
    if not where:
        return reason
    name = str(where[0]).upper()
    if kind in ("missing", "string_too_short", "too_short"):
        return f"{name} is required" if kind == "missing" else f"{name} is empty"
    return f"{name} {reason}"
