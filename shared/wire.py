"""Events as message bodies: JSON out, and back in only when every field is what it should be."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from shared.events import Event

CONTENT_TYPE = "application/json"


def write_event(event: Event) -> bytes:
    """Return the body that carries an event."""
    return event.model_dump_json().encode()


def read_event(kinds: Mapping[str, type[Event]], routing_key: str | None, body: bytes) -> Event:
    """Return the event in a message, by its routing key.

    Raises ValueError when there is none; the text names fields and faults, and never quotes the body.
    """
    kind = kinds.get(routing_key or "")
    if kind is None:
        raise ValueError("unknown routing key")
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        faults = exc.errors(include_input=False, include_url=False, include_context=False)
        text = ", ".join(_fault(fault["loc"], fault["type"]) for fault in faults)
        raise ValueError(text) from None


def _fault(location: tuple[int | str, ...], kind: str) -> str:
    return f"{'.'.join(map(str, location)) or 'body'}: {kind}"
