"""`python -m services.api` serves; `python -m services.api token --business 1 --role operator` prints a token."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["token"]:
        from services.api.token import print_token

        print_token(sys.argv[2:])
    else:
        from services.api.main import main
        from shared.process import run

        run("api", main)
