"""Sockets whose unsent bytes die with them.

Rules: a request that has left this process's hands must not arrive long after its deadline. The kernel of a killed
process goes on delivering what lies in its send buffer, and the kernel of a frozen one goes on retransmitting, so
every socket to the provider (1) resets instead of closing politely, whoever closes it, the kernel included, and
(2) gives up on bytes that were not acknowledged in time.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s
_TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Any]


def socket_factory(unacknowledged_for: float) -> Callable[[AddressInfo], socket.socket]:
    """Makes sockets that drop the connection when sent bytes stay unacknowledged for so many seconds."""

    def make(address: AddressInfo) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if _TCP_USER_TIMEOUT is not None:
            made.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(1, int(unacknowledged_for * 1000)))
        return made

    return make
