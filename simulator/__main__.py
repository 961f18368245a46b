"""`python -m simulator`: run in the foreground until SIGTERM or SIGINT, then end with status 0."""

import asyncio
import gc
import re
import signal
import sys

import structlog
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from simulator import logs
from simulator.app import running
from simulator.settings import Settings

# Calls are many and long-lived: with the usual thresholds half of the processor time of 10,000 calls is collection.
GC_THRESHOLDS = (20_000, 50, 100)

log = structlog.get_logger()


async def serve(settings: Settings) -> int:
    """Run until a signal comes; 1 when a task of the simulator's own died."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as simulator:
        failed = simulator.exchange.failed
        log.info(
            "SIMULATOR_START",
            url=simulator.url,
            seed=simulator.exchange.seed,
            scale=settings.time_scale,
            mode=settings.mode,
            ledger=settings.ledger,
            accounts=[account.sid for account in settings.all_accounts()],
        )
        failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
        log.info("SIMULATOR_STOP", **simulator.exchange.tally.outcomes)
    return 1 if failed.done() and failed.exception() is not None else 0


def main() -> int:
    """Read the settings, one line and status 2 when they are wrong."""
    try:
        settings = Settings()
        logs.configure(settings.log_level, settings.log_format)
    except (ValidationError, SettingsError, ValueError) as error:
        print(f"simulator: bad settings: {_one_line(error)}", file=sys.stderr)  # noqa: T201
        return 2
    gc.set_threshold(*GC_THRESHOLDS)
    return uvloop.run(serve(settings))


def _one_line(error: Exception) -> str:
    if isinstance(error, SettingsError) and (field := re.search(r'field "(\w+)"', str(error))):
        return f"{_setting((field[1],))}not valid JSON"
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    return "; ".join(f"{_setting(fault['loc'])}{fault['msg']}" for fault in error.errors())


def _setting(location: tuple[int | str, ...]) -> str:
    """The setting's name in the environment, and the place within it."""
    if not location:
        return ""
    name, *within = (str(part) for part in location)
    known = name if name.isupper() else f"SIM_{name.upper()}"
    return ".".join([known, *within]) + ": "


if __name__ == "__main__":
    sys.exit(main())
