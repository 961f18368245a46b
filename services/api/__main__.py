"""`python -m services.api` serves; `python -m services.api token --business 1 --role operator` prints a token;
`python -m services.api reseal` seals the businesses' auth tokens anew with the newest key."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["token"]:
        from services.api.token import print_token

        print_token(sys.argv[2:])
    elif sys.argv[1:2] == ["reseal"]:
        from services.api.reseal import main as reseal

        sys.exit(reseal())
    else:
        from services.api.main import main
        from shared.process import run

        run("api", main)
