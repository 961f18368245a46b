"""Putting the simulator together, and running it for as long as it is wanted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from simulator.clock import Clock
from simulator.control import Control, local_only
from simulator.courier import Courier
from simulator.creating import Creating
from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.faults import refused
from simulator.health import Health
from simulator.journal import Journal
from simulator.operations import Operations
from simulator.rest import RestApi
from simulator.settings import Settings

SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that answers; `url` has no trailing slash."""

    url: str
    exchange: Exchange


@web.middleware
async def as_twilio(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Unknown paths and methods are answered in Twilio's form."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return refused(Refusal(20404, request.path))
    except web.HTTPMethodNotAllowed:
        return refused(Refusal(20004, status=405, message="Method not allowed"))


def application(exchange: Exchange) -> web.Application:
    """The routes of the REST API, the control API and the probes."""
    rest, create, others = RestApi(exchange), Creating(exchange), Operations(exchange)
    root = "/2010-04-01/Accounts"
    calls, call = f"{root}/{{account}}/Calls", f"{root}/{{account}}/Calls/{{call}}"
    app = web.Application(middlewares=[local_only, as_twilio])
    app.add_routes(
        [
            web.post(f"{calls}.json", rest.serve("create", create.create)),
            web.get(f"{calls}.json", rest.serve("list", others.index)),
            web.get(f"{call}/Events.json", rest.serve("other", others.events)),
            web.get(f"{call}.json", rest.serve("fetch", others.fetch)),
            web.post(f"{call}.json", rest.serve("update", others.update)),
            web.delete(f"{call}.json", rest.serve("delete", others.delete)),
            web.get(f"{root}/{{account}}/Balance.json", rest.serve("other", others.balance)),
            web.get(f"{root}/{{account}}.json", rest.serve("other", others.account, reads_accounts=True)),
            web.get(f"{root}.json", rest.serve("other", others.accounts, reads_accounts=True)),
            *Control(exchange).routes(),
            *Health(exchange).routes(),
        ]
    )
    return app


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A simulator on its port (a free one for port 0), its calls of an earlier life going on."""
    clock = Clock(settings.time_scale)
    journal = Journal(settings.ledger)
    courier = Courier(
        clock,
        journal,
        allow_remote=settings.allow_remote_callbacks,
        retry_pause=settings.callback_retry_pause,
    )
    async with courier:
        exchange = Exchange(settings, journal, courier, clock)
        writer = exchange.supervise(journal.run())
        runner = web.AppRunner(application(exchange), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield Running(f"http://{host}:{port}", exchange)
        finally:
            await runner.cleanup()
            await exchange.stop()
            journal.close()
            await asyncio.wait([writer])
