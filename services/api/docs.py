"""`/docs`, with the page's own parts served from here: it works without the internet."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PARTS = "/docs/parts"


def serve_docs(app: FastAPI) -> None:
    """Add the page to an application that was made with `docs_url=None`."""
    app.mount(PARTS, StaticFiles(directory=str(files("fastapi_offline") / "static")))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{PARTS}/swagger-ui-bundle.js",
            swagger_css_url=f"{PARTS}/swagger-ui.css",
            swagger_favicon_url=f"{PARTS}/favicon.png",
        )
