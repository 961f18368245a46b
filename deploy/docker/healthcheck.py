"""Ends with status 0 when the service of this container answers `/healthz`, else with 1.

PORT says where it listens; unset, it is the default port of whichever service runs here: a container holds one.
"""

import http.client
import os
import sys

DEFAULT_PORTS = (8000, 8001, 8002, 8003, 8010)
TIMEOUT = 3.0


def alive(port: int) -> bool:
    """Return whether a service on this port says that it is alive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = os.environ.get("PORT")
    ports = (int(port),) if port else DEFAULT_PORTS
    sys.exit(not any(map(alive, ports)))
