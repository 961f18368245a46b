"""A file in a multipart form, kept on disk while it is worked on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from services.api.errors import invalid

MOST_FIELDS = 20


@asynccontextmanager
async def uploaded_file(request: Request, name: str) -> AsyncIterator[IO[bytes]]:
    """Read the whole form and yield the file of this name, which is gone afterwards. Raises Invalid without one."""
    form = await _form(request, name)
    try:
        upload = form.get(name)
        if not isinstance(upload, UploadFile):
            raise invalid(name, "field.no_file")
        if not upload.size:
            raise invalid(name, "field.empty_file")
        yield upload.file
    finally:
        await form.close()


async def _form(request: Request, name: str) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise invalid(name, "field.not_a_form")
    try:
        return await request.form(max_files=1, max_fields=MOST_FIELDS)
    except HTTPException:
        raise invalid(name, "field.not_a_form") from None
