"""How a program that supervises children begins and ends.

The first SIGINT, SIGTERM or SIGHUP cancels the program, which then cleans up; every further one kills the
children at once, so that nothing polite can hold the end up. Nothing interrupts the cleaning up itself. A terminal
that goes away counts as SIGHUP also where make, or a remote shell, keeps that signal to itself.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from stack.errors import StackError
from stack.processes import end_all

TERMINAL_CHECK = 1.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def supervise(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main` to its end, and give the exit status: its own, 1 after an error, 128 + n after signal n."""
    with asyncio.Runner() as runner:
        return runner.run(_supervised(main))


async def _supervised(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    received: list[signal.Signals] = []
    task = asyncio.ensure_future(main())

    def on(number: signal.Signals) -> None:
        received.append(number)
        if len(received) == 1:
            task.cancel()
        else:
            end_all()

    loop = asyncio.get_running_loop()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
            loop.add_signal_handler(number, on, number)
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def look() -> None:
        if not all(map(os.isatty, terminals)):
            on(signal.SIGHUP)
        elif not received:
            loop.call_later(TERMINAL_CHECK, look)

    look()
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 128 + received[0]
