"""`python -m stack provide | demo [FILE] | up`."""

import signal
import sys
from pathlib import Path

USAGE = "usage: python -m stack provide | demo [FILE] | up"


def main(arguments: list[str]) -> int:
    """The exit status of what was asked for."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the supervisor listens, Ctrl-C just ends us
    match arguments:
        case ["provide"]:
            from stack.provide import main as provide

            return provide()
        case ["demo", *rest] if len(rest) <= 1:
            from stack.demo import demo
            from stack.entry import supervise

            return supervise(lambda: demo(*map(Path, rest)))
        case ["up"]:
            from stack.entry import supervise
            from stack.up import up

            status = supervise(up)
            return 0 if status == 128 + signal.SIGINT else status  # there is no other way to end it well
    sys.stderr.write(f"{USAGE}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
