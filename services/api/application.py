"""The application: which routes there are, and what stands around them."""

from __future__ import annotations

from fastapi import FastAPI

from services.api import errors, failures
from services.api.context import Context
from services.api.docs import serve_docs
from services.api.limits import BodyLimit
from services.api.openapi import DESCRIPTION, document_errors
from services.api.routers import ROUTERS
from shared.health import health_routes


def create_app(api: Context) -> FastAPI:
    """Return the application that serves this context."""
    app = FastAPI(
        title="Ringfence",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.api = api
    errors.install(app)
    app.add_middleware(BodyLimit)
    failures.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(health_routes(api.health))
    serve_docs(app)
    document_errors(app)
    return app
