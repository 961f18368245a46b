"""Answers that go wrong on purpose: aborted connections, foreign bodies, errors of Twilio's front."""

import asyncio
import socket
import struct

import orjson
from aiohttp import web

from simulator.errors import Refusal
from simulator.modes import HttpError, error_code
from simulator.rules import Rule

RESET_NOT_CLOSE = struct.pack("ii", 1, 0)


def abort(request: web.Request) -> web.Response:
    """Reset the connection; the response that comes back is never written."""
    transport = request.transport
    if transport is not None:
        wire = transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_CLOSE)
        transport.abort()
    return web.Response(status=500)


async def hang(request: web.Request) -> web.Response:
    """Keep the connection and say nothing until the client goes away."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells of it no other way
        await asyncio.sleep(0.1)
    return web.Response(status=500)


def front_error(error: HttpError) -> web.Response:
    """An error of Twilio's front, as JSON or as a page."""
    if error.html:
        page = f"<html><head><title>{error.status}</title></head><body><h1>{error.status}</h1></body></html>"
        return web.Response(status=error.status, text=page, content_type="text/html")
    refusal = Refusal(20503 if error.status == 503 else 20500, status=error.status)
    return refused(refusal)


def refused(refusal: Refusal) -> web.Response:
    return web.Response(status=refusal.status, body=refusal.body(), content_type="application/json")


def too_many(rule: Rule) -> web.Response:
    """429 in either body form, with Retry-After where the rule gives one."""
    refusal = Refusal(20429)
    response = refused(refusal)
    if rule.params.get("rfc9457"):
        content = {
            "type": "https://www.twilio.com/docs/errors/20429",
            "title": refusal.message,
            "status": 429,
            "code": 20429,
        }
        response = web.Response(status=429, body=orjson.dumps(content), content_type="application/problem+json")
    if rule.params.get("retry_after") is not None:
        response.headers["Retry-After"] = str(rule.params["retry_after"])
    return response


def refusal_of(rule: Rule, about: str) -> Refusal | None:
    """The error that a rule answers with, None when its mode is not an error by code."""
    code = error_code(rule.mode, rule.params)
    if code is None:
        return None
    return Refusal(code, about, status=rule.params.get("status"), message=rule.params.get("message"))


async def bad_body(request: web.Request, form: str, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    """A 201 that does not hold a call: empty, truncated, cut on the wire, or a page with status 200."""
    if form == "html":
        return web.Response(status=200, text="<html><body>OK</body></html>", content_type="text/html")
    if form == "empty":
        return web.Response(status=201, content_type="application/json")
    half = body[: len(body) // 2]
    if form == "truncated":
        return web.Response(status=201, body=half, content_type="application/json")
    response = web.StreamResponse(status=201, headers=headers)
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        request.transport.close()
    return response
