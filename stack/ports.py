"""Free ports on loopback.

They are taken from below the range that the kernel gives to outgoing connections, so that no client of ours
can be sitting on one between the choice and the listening.
"""

import asyncio
import random
import socket
import time

from stack.errors import StackError

FIRST, LAST = 15_000, 32_000
TRIES = 200

_given: set[int] = set()


def free_port() -> int:
    """A port nobody listens on, never the same one twice in this process."""
    for _ in range(TRIES):
        port = random.randint(FIRST, LAST)  # noqa: S311 - no secret
        if port not in _given and _bindable(port):
            _given.add(port)
            return port
    raise StackError(f"no free port found between {FIRST} and {LAST}")


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there now."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((host, port)) == 0


async def until_closed(port: int, timeout: float) -> None:
    """Wait until nobody accepts connections there; StackError if somebody still does after `timeout` s."""
    deadline = time.monotonic() + timeout
    while is_open(port):
        if time.monotonic() > deadline:
            raise StackError(f"port {port} is still in use after {timeout:g} s")
        await asyncio.sleep(0.05)


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
