"""The three messages and what each means here: look at that business again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.dispatcher.advance import Advancer
from shared.crashpoints import crash_point
from shared.events import Event, RunCreated, RunStale, SlotReleased
from shared.redelivery import REDELIVERED


def handlers(advancer: Advancer) -> Mapping[type[Event], Callable[[Event], Awaitable[None]]]:
    """Message -> what is done with it. A hint is acknowledged when it is noted, so nothing here waits."""

    async def look_again(event: Event) -> None:
        advancer.note(event.business_id, "rabbitmq", redelivered=REDELIVERED.get())
        crash_point("dispatcher.hint.noted")

    return {RunCreated: look_again, SlotReleased: look_again, RunStale: look_again}
