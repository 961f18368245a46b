"""`python -m services.dispatcher`, and `python -m services.dispatcher trust-database`."""

import sys

from services.dispatcher import trust_database
from services.dispatcher.main import main
from shared.process import run

if __name__ == "__main__":
    if sys.argv[1:] == [trust_database.COMMAND]:
        sys.exit(trust_database.main())
    if sys.argv[1:]:
        sys.exit(f"usage: python -m services.dispatcher [{trust_database.COMMAND}]")
    run("dispatcher", main)
