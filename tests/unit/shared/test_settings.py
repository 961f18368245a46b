"""Settings: what is read, what is refused at start, and that a refusal is one line without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import MigrationSettings, Service, Settings, TokenSettings, load_settings, read

NEEDED = {
    "DATABASE_URL": "postgresql://ring:hunter2@db.example.com:5432/ringfence",
    "AMQP_URL": "amqp://guest:swordfish@mq.example.com/",
    "WEBHOOK_PUBLIC_URL": "https://calls.example.com",
}
API = NEEDED | {"JWT_SECRET": "correct horse battery staple, and more"}
ACCOUNT = {
    "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
    "TWILIO_AUTH_TOKEN": "opensesame",
    "TWILIO_FROM_NUMBER": "+972501234567",
}
SECRETS = ("hunter2", "swordfish", "correct horse", "opensesame")

pytestmark = pytest.mark.usefixtures("clean_environment")


def loaded(monkeypatch: pytest.MonkeyPatch, service: Service, values: dict[str, str]) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings(service)


def refusal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, str],
    service: Service = "api",
) -> str:
    with pytest.raises(SystemExit) as ended:
        loaded(monkeypatch, service, values)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert not [secret for secret in SECRETS if secret in err]
    return err


@pytest.mark.parametrize(
    ("service", "port"), [("api", 8000), ("webhook", 8001), ("dispatcher", 8002), ("reaper", 8003)]
)
def test_each_service_has_its_port_unless_told(
    clean_environment: pytest.MonkeyPatch, service: Service, port: int
) -> None:
    assert loaded(clean_environment, service, API).port == port
    assert loaded(clean_environment, service, {"PORT": "9999"}).port == 9999


def test_the_defaults_are_the_documented_ones(clean_environment: pytest.MonkeyPatch) -> None:
    settings = loaded(clean_environment, "reaper", NEEDED)
    told = set(NEEDED) | {"PORT"}
    plain = {name: value for name, value in settings.model_dump().items() if name.upper() not in told}
    assert plain == {
        "jwt_secret": None,
        "jwt_secret_previous": None,
        "jwt_jwks_url": None,
        "host": "127.0.0.1",
        "twilio_api_url": "https://api.twilio.com",
        "twilio_account_sid": None,
        "twilio_auth_token": None,
        "twilio_auth_token_previous": None,
        "twilio_from_number": None,
        "secrets_key": None,
        "secrets_key_previous": None,
        "max_concurrent_calls": 3,
        "calls_per_second": 1.0,
        "heartbeat_interval": 2.0,
        "sweep_interval": 1.0,
        "nudge_after": 5.0,
        "stale_after": 30.0,
        "lease_seconds": 10.0,
        "send_within": 3.0,
        "dial_timeout": 15.0,
        "settle_after": 5.0,
        "absent_after": 60.0,
        "webhook_grace": 60.0,
        "dispatch_partitions": 1,
        "dispatch_ordinal": None,
        "max_call_seconds": 3600,
        "log_level": "INFO",
        "log_format": "json",
    }


def test_only_the_api_needs_to_verify_tokens(clean_environment: pytest.MonkeyPatch) -> None:
    for service in ("webhook", "dispatcher", "reaper"):
        assert loaded(clean_environment, service, NEEDED).jwt_secret is None


def test_the_environment_wins_over_the_file_and_unknown_names_are_ignored(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, value in (API | {"PORT": "7001", "SOMETHING_ELSE": "x"}).items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert loaded(clean_environment, "api", {}).port == 7001
    assert loaded(clean_environment, "api", {"PORT": "7002"}).port == 7002


def test_an_empty_optional_setting_is_an_unset_one(clean_environment: pytest.MonkeyPatch) -> None:
    empty = dict.fromkeys([*ACCOUNT, "JWT_JWKS_URL", "SECRETS_KEY", "PORT", "HOST"], "")
    settings = loaded(clean_environment, "api", API | empty)
    assert settings.twilio_account_sid is None
    assert settings.port == 8000


def test_urls_are_taken_in_the_forms_people_write(clean_environment: pytest.MonkeyPatch) -> None:
    settings = loaded(
        clean_environment,
        "api",
        API
        | {
            "DATABASE_URL": "postgres://u@h/d",
            "WEBHOOK_PUBLIC_URL": "http://127.0.0.1:8001/hooks/",
            "TWILIO_API_URL": "http://127.0.0.1:8010/",
            "AMQP_URL": "amqps://mq/vhost?heartbeat=5",
            "LOG_LEVEL": "debug",
        },
    )
    assert settings.database_url.get_secret_value() == "postgresql://u@h/d"
    assert settings.webhook_public_url == "http://127.0.0.1:8001/hooks"
    assert settings.twilio_api_url == "http://127.0.0.1:8010"
    assert settings.log_level == "DEBUG"


def test_a_whole_account_is_accepted_and_no_secret_is_printed(clean_environment: pytest.MonkeyPatch) -> None:
    settings = loaded(clean_environment, "api", API | ACCOUNT)
    assert settings.twilio_auth_token is not None
    assert settings.twilio_auth_token.get_secret_value() == "opensesame"
    for text in (repr(settings), str(settings), repr(settings.model_dump())):
        assert not [secret for secret in SECRETS if secret in text]


def test_secret_values_hold_every_secret_and_the_passwords_of_urls(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    values = set(loaded(clean_environment, "api", API | ACCOUNT).secret_values())
    assert {"hunter2", "swordfish", "opensesame", API["JWT_SECRET"]} <= values


@pytest.mark.parametrize("name", list(NEEDED))
@pytest.mark.parametrize("value", [None, "", "   "])
@pytest.mark.parametrize("service", ["api", "webhook", "dispatcher", "reaper"])
def test_what_every_service_needs_is_named_when_it_is_missing(
    clean_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str | None,
    service: Service,
) -> None:
    values = {key: kept for key, kept in (API | {name: value}).items() if kept is not None}
    assert name in refusal(clean_environment, capsys, values, service)


def test_everything_that_is_missing_is_named_at_once(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(clean_environment, capsys, {})
    assert [name for name in NEEDED if name not in line] == []


@pytest.mark.parametrize(
    "partial", [{"TWILIO_AUTH_TOKEN": "opensesame"}, ACCOUNT | {"TWILIO_FROM_NUMBER": ""}, {"LEASE_SECONDS": "1"}]
)
def test_a_part_of_the_shared_account_is_enough_for_who_needs_no_more(
    clean_environment: pytest.MonkeyPatch, partial: dict[str, str]
) -> None:
    """The webhook service checks signatures with the token alone, and a run may bring its own caller id."""
    assert loaded(clean_environment, "webhook", API | partial).twilio_from_number is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET or JWT_JWKS_URL"),
        ({"JWT_JWKS_URL": "https://id.example.com/jwks"}, "JWT_JWKS_URL"),
        (
            {"JWT_SECRET": "", "JWT_JWKS_URL": "https://id.example.com", "JWT_SECRET_PREVIOUS": "x"},
            "JWT_SECRET_PREVIOUS",
        ),
        ({"JWT_SECRET": "", "JWT_JWKS_URL": "ftp://id.example.com"}, "JWT_JWKS_URL"),
        ({"HEARTBEAT_INTERVAL": "5"}, "NUDGE_AFTER"),
        ({"NUDGE_AFTER": "30"}, "STALE_AFTER"),
        ({"STALE_AFTER": "3"}, "STALE_AFTER"),
        ({"TWILIO_ACCOUNT_SID": ACCOUNT["TWILIO_ACCOUNT_SID"]}, "TWILIO_AUTH_TOKEN"),
        (ACCOUNT | {"TWILIO_ACCOUNT_SID": ""}, "TWILIO_FROM_NUMBER"),
        ({"TWILIO_AUTH_TOKEN_PREVIOUS": "opensesame"}, "TWILIO_AUTH_TOKEN_PREVIOUS"),
        ({"SECRETS_KEY_PREVIOUS": "opensesame"}, "SECRETS_KEY_PREVIOUS"),
        (ACCOUNT | {"TWILIO_ACCOUNT_SID": "AC123"}, "TWILIO_ACCOUNT_SID"),
        (ACCOUNT | {"TWILIO_ACCOUNT_SID": "SK" + "0a" * 16}, "TWILIO_ACCOUNT_SID"),
        (ACCOUNT | {"TWILIO_FROM_NUMBER": "0501234567"}, "TWILIO_FROM_NUMBER"),
        (ACCOUNT | {"TWILIO_FROM_NUMBER": "+0501234567"}, "TWILIO_FROM_NUMBER"),
        (ACCOUNT | {"TWILIO_FROM_NUMBER": "+97250123456789012"}, "TWILIO_FROM_NUMBER"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(
    clean_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: dict[str, str],
    named: str,
) -> None:
    assert named in refusal(clean_environment, capsys, API | wrong)


@pytest.mark.parametrize(
    "url",
    [
        "calls.example.com",
        "ftp://calls.example.com",
        "https://",
        "https:///hooks",
        "https://my_calls.example.com",
        "https://calls.example.com/#top",
        "https://calls.example.com/?a=1",
        "https://user@calls.example.com",
        "https://user:opensesame@calls.example.com",
        "https://calls.example.com:port",
        "https://calls.example.com:99999",
        "https://[::1",
        "https://calls example.com",
    ],
)
def test_a_public_url_that_could_not_be_called_is_refused(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert "WEBHOOK_PUBLIC_URL" in refusal(clean_environment, capsys, API | {"WEBHOOK_PUBLIC_URL": url})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "postgresql://u:hunter2@[h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/d"),
        ("AMQP_URL", "http://mq"),
        ("AMQP_URL", "amqp://"),
        ("TWILIO_API_URL", "api.twilio.com"),
        ("TWILIO_API_URL", "https://AC1:opensesame@api.twilio.com"),
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("HOST", " "),
        ("MAX_CONCURRENT_CALLS", "0"),
        ("MAX_CONCURRENT_CALLS", "2.5"),
        ("MAX_CONCURRENT_CALLS", "many"),
        ("MAX_CONCURRENT_CALLS", "1000000"),
        ("CALLS_PER_SECOND", "0"),
        ("CALLS_PER_SECOND", "-1"),
        ("CALLS_PER_SECOND", "1e-13"),
        ("CALLS_PER_SECOND", "nan"),
        ("CALLS_PER_SECOND", "inf"),
        ("MAX_CALL_SECONDS", "0"),
        ("MAX_CALL_SECONDS", "1e30"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        *(
            (name, value)
            for name in (
                "HEARTBEAT_INTERVAL",
                "SWEEP_INTERVAL",
                "NUDGE_AFTER",
                "STALE_AFTER",
                "LEASE_SECONDS",
                "SEND_WITHIN",
                "DIAL_TIMEOUT",
                "SETTLE_AFTER",
                "ABSENT_AFTER",
                "WEBHOOK_GRACE",
            )
            for value in ("0", "-1", "nan", "inf", "-inf", "soon", "1e300")
        ),
    ],
)
def test_a_value_without_sense_is_refused_by_name(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    assert name in refusal(clean_environment, capsys, API | {name: value})


def test_a_file_that_is_no_text_is_refused(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"DATABASE_URL=\xff\xfe\n")
    assert ".env" in refusal(clean_environment, capsys, API)


def test_migrations_need_the_database_alone_and_a_token_the_secret_alone(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    clean_environment.setenv("DATABASE_URL", NEEDED["DATABASE_URL"])
    assert read(MigrationSettings, "migrations").database_url.get_secret_value() == NEEDED["DATABASE_URL"]
    clean_environment.setenv("JWT_SECRET", "s")
    assert read(TokenSettings, "token").jwt_secret.get_secret_value() == "s"


def test_migrations_without_a_database_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read(MigrationSettings, "migrations")
    assert capsys.readouterr().err == "ringfence migrations: bad settings: DATABASE_URL is required\n"


def folder_of(tmp_path: Path, values: dict[str, str]) -> str:
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")
    return str(tmp_path)


def test_secrets_may_stand_in_files_and_the_environment_wins(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = API | {"TWILIO_AUTH_TOKEN": "", "JWT_SECRET_PREVIOUS": ""}
    clean_environment.setenv("AMQP_URL", "amqp://guest:guest@elsewhere/")
    settings = loaded(clean_environment, "api", {"SECRETS_DIR": folder_of(tmp_path, files)})
    assert settings.database_url.get_secret_value() == NEEDED["DATABASE_URL"]
    assert settings.amqp_url.get_secret_value() == "amqp://guest:guest@elsewhere/"
    assert settings.twilio_auth_token is None
    assert settings.jwt_secret_previous is None


def test_a_secret_that_no_file_holds_is_named(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, {"AMQP_URL": NEEDED["AMQP_URL"]})
    said = refusal(clean_environment, capsys, {"SECRETS_DIR": folder, "WEBHOOK_PUBLIC_URL": "https://a.example"})
    assert said == "ringfence api: bad settings: DATABASE_URL is required\n"


def test_a_folder_of_secrets_that_is_not_there_is_refused(
    clean_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = refusal(clean_environment, capsys, API | {"SECRETS_DIR": str(tmp_path / "away")})
    assert "SECRETS_DIR names no folder" in said
