"""Free ports on loopback.

They are taken from below the range that the kernel gives to outgoing connections, so that no client of ours can be
sitting on one between the choice and the listening. For the same reason each process takes them out of blocks of its
own: the socket bound to a block's first port is held for as long as the process lives, and keeps every other off.
"""

import asyncio
import atexit
import random
import socket
import time

from stack.errors import StackError

FIRST, LAST = 15_000, 32_000
BLOCK = 100

_guards: list[socket.socket] = []
_left: list[int] = []


def free_port() -> int:
    """A port nobody listens on, never the same one twice in this process nor at once in two."""
    while True:
        if not _left:
            _left.extend(_new_block())
        port = _left.pop()
        if _bindable(port):
            return port


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


def _new_block() -> list[int]:
    """The ports of a block that no other process has, but the first, which guards them."""
    firsts = list(range(FIRST, LAST, BLOCK))
    random.shuffle(firsts)
    for first in firsts:
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", first))
        except OSError:
            guard.close()
            continue
        _guards.append(guard)
        ports = list(range(first + 1, first + BLOCK))
        random.shuffle(ports)
        return ports
    raise StackError(f"no free port found between {FIRST} and {LAST}")


@atexit.register
def _release() -> None:
    for guard in _guards:
        guard.close()


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
