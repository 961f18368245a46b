"""`python -m history --ledger FILE --database URL …`: 0 without a violation, 1 with one, 2 for unreadable input."""

from __future__ import annotations

import asyncio
import sys

import orjson

from history.check import read_history
from history.errors import Unreadable
from history.options import parse
from history.report import as_json, as_text, is_clean, judge


def main(arguments: list[str]) -> int:
    """Judge, print the report, and return the exit status."""
    try:
        options = parse(arguments)
        history = asyncio.run(read_history(options))
    except Unreadable as error:
        sys.stderr.write(f"history: {error}\n")
        return 2
    judgements = judge(history)
    if options.json:
        sys.stdout.write(orjson.dumps(as_json(history, judgements, options.shown)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in as_text(history, judgements, options.shown))
    return 0 if is_clean(judgements) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
