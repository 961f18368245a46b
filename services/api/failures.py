"""A fault of our own in a request: answered 500 in the one shape, logged once with whose request it was, counted."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.errors import ApiError, render
from services.api.languages import business_of
from shared import metrics
from shared.logs import logger


def install(app: FastAPI) -> None:
    """Put it around an application and all that was put around that before."""
    metrics.LOOP_ERRORS.labels(loop="request")  # at 0, so that the first failure is an increase
    app.add_middleware(Failures)


class Failures:
    """Wraps an application; nothing that is raised within leaves it, so no library tells of it once more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What fails after its answer has begun ends the connection, and the client sees that."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http":
                raise
            request = Request(scope)
            metrics.LOOP_ERRORS.labels(loop="request").inc()
            logger().error(
                "REQUEST_FAILED",
                business_id=business_of(request),
                method=request.method,
                path=request.url.path,
                error=type(error).__name__,
                exc_info=error,
            )
            if not begun:
                answer = await render(request, ApiError(500, "unavailable", "unavailable"))
                await answer(scope, receive, send)
