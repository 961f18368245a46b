"""Settings of the simulator, from the environment or `.env`, validated together at start."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulator.rules import Rule

AccountSid = Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
Span = Annotated[tuple[float, float], Field(description="shortest and longest, seconds")]


class AccountSettings(BaseModel):
    """One Twilio account; the first auth token is the primary one and signs webhooks."""

    model_config = ConfigDict(extra="forbid")

    sid: AccountSid
    auth_tokens: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    from_numbers: list[str] = []
    cps: float | None = Field(default=None, gt=0)
    max_calls: int | None = Field(default=None, gt=0)
    parent: AccountSid | None = None
    status: Literal["active", "suspended", "closed"] = "active"
    api_keys: dict[str, str] = {}


class Timings(BaseModel):
    """Spans of a call's life in simulated seconds: plausible defaults, not measurements of Twilio."""

    model_config = ConfigDict(extra="forbid")

    initiated: Span = (0.0, 0.3)
    post_dial: Span = (1.0, 4.0)
    ring: Span = (3.0, 20.0)
    talk: Span = (5.0, 90.0)
    busy: Span = (1.0, 3.0)
    fail: Span = (0.3, 5.0)
    detection: Span = (2.0, 5.0)
    timeout_buffer: float = Field(default=5.0, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, span in self:
            if isinstance(span, tuple) and not 0 <= span[0] <= span[1]:
                raise ValueError(f"{name} must be two numbers, the smaller first, none below 0")
        return self


class Outcomes(BaseModel):
    """Weights of what becomes of a call whose number no rule names."""

    model_config = ConfigDict(extra="forbid")

    answered: float = Field(default=70, ge=0)
    machine: float = Field(default=0, ge=0)
    busy: float = Field(default=10, ge=0)
    no_answer: float = Field(default=15, ge=0)
    failed: float = Field(default=5, ge=0)

    @model_validator(mode="after")
    def _something_happens(self) -> Self:
        if not any(weight for _, weight in self):
            raise ValueError("at least one weight must be above 0")
        return self


class Settings(BaseSettings):
    """Every setting; those that the whole project shares keep their names, the others begin with SIM_."""

    model_config = SettingsConfigDict(env_prefix="SIM_", env_file=".env", extra="ignore", populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="HOST")
    port: int = Field(default=8010, ge=0, le=65535, validation_alias="PORT")
    log_level: str = Field(default="INFO", validation_alias="LOG_LEVEL")
    log_format: Literal["json", "console"] = Field(default="json", validation_alias="LOG_FORMAT")
    account_sid: AccountSid | None = Field(default=None, validation_alias="TWILIO_ACCOUNT_SID")
    auth_token: str | None = Field(default=None, min_length=1, validation_alias="TWILIO_AUTH_TOKEN")
    from_number: str | None = Field(default=None, validation_alias="TWILIO_FROM_NUMBER")
    accounts: list[AccountSettings] = []
    ledger: str | None = None
    seed: int | None = None
    time_scale: float = Field(default=1.0, gt=0)
    mode: Literal["spec", "as_observed"] = "spec"
    rules: list[Rule] = []
    outcomes: Outcomes = Outcomes()
    timings: Timings = Timings()
    cps: float = Field(default=1.0, gt=0)
    rest_limit: int | None = Field(default=None, gt=0)
    callback_retry_pause: float = Field(default=0.25, ge=0)
    allow_remote_callbacks: bool = False

    @model_validator(mode="after")
    def _accounts_fit_together(self) -> Self:
        if (self.account_sid is None) != (self.auth_token is None):
            raise ValueError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together")
        accounts = self.all_accounts()
        sids = [account.sid for account in accounts]
        if not sids:
            raise ValueError("no account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or SIM_ACCOUNTS")
        if len(set(sids)) < len(sids):
            raise ValueError("SIM_ACCOUNTS names an account twice")
        for account in accounts:
            if account.parent is not None and account.parent not in sids:
                raise ValueError(f"the parent of {account.sid} is not an account")
        return self

    def all_accounts(self) -> list[AccountSettings]:
        """The primary account first."""
        if self.account_sid is None or self.auth_token is None:
            return self.accounts
        numbers = [self.from_number] if self.from_number else []
        primary = AccountSettings(sid=self.account_sid, auth_tokens=[self.auth_token], from_numbers=numbers)
        return [primary, *self.accounts]
