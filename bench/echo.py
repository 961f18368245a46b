"""`python -m bench.echo PORT`: an HTTP server that answers 204 to every POST once its body is read: nothing else."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """204 with nothing in it."""
    await request.read()
    return web.Response(status=204)


def main(port: int) -> None:
    """Serve on loopback until SIGTERM."""
    uvloop.install()
    app = web.Application()
    app.add_routes([web.post("/", answer), web.get("/", answer)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
