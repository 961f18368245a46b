"""`python -m bench.recovery [--rounds N] [--only FAULT,…] [--json FILE] [--write-docs]`."""

import signal
import sys

from bench.recovery.main import main
from bench.recovery.options import parse
from stack.entry import supervise

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the supervisor listens, Ctrl-C just ends us
    options = parse(sys.argv[1:])
    sys.exit(supervise(lambda: main(options)))
