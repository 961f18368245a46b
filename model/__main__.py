"""`python -m model`: checks every case and prints the states explored."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from model.cases import BROKEN_BOUNDS, FULL, HAPPENS, LEASED, SMALL, SPARE, STRICTER, VARIANTS, Case
from model.java import JavaMissingError
from model.tlc import Result, TlcFailedError, check, check_kept

WIDTH = 62
TRACES = Path(".run/model")


def main() -> int:
    """The exit status: 0 when every case is as it should be."""
    try:
        return _check_all()
    except (JavaMissingError, TlcFailedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _check_all() -> int:
    wrong = [name for name, right in _cases() if not right]
    say("as expected" if not wrong else f"NOT as expected: {', '.join(wrong)} (traces in {TRACES}/)")
    return 1 if wrong else 0


def _cases() -> Iterator[tuple[str, bool]]:
    workers = min(os.cpu_count() or 1, 2)
    say("The promises hold")
    for case in (FULL, SMALL, LEASED, *SPARE):
        yield case.name, _holds(case, check(case, case.keeps, workers=workers))
    say("One part of the design is missing, or the provider does not keep to its bound")
    for case in (*VARIANTS, *BROKEN_BOUNDS):
        for promise in case.breaks:
            yield case.name, _breaks(case.name, promise, check(case, [promise]))
        yield case.name, _holds(case, check_kept(case))
    for case in STRICTER:
        yield case.name, _holds(case, check(case, case.keeps, workers=workers))
    say("What the model is about happens in it")
    for name, case in HAPPENS:
        yield name, _breaks(case.name, name, check(case, [name]))


def _holds(case: Case, result: Result) -> bool:
    what = "keeps the other promises" if case.breaks else "all promises hold"
    states = f"{result.distinct} states of {result.generated} generated, depth {result.depth}, {result.seconds:.1f} s"
    say(f"  {case.name:{WIDTH}} {what}: {states}")
    return _kept(case.name, result, None)


def _breaks(case: str, promise: str, result: Result) -> bool:
    say(f"  {case:{WIDTH}} breaks {promise} in {result.steps} steps, {result.seconds:.1f} s")
    return _kept(f"{case} {promise}", result, promise)


def _kept(name: str, result: Result, expected: str | None) -> bool:
    if result.broken == expected:
        return True
    TRACES.mkdir(parents=True, exist_ok=True)
    (TRACES / f"{name.replace(' ', '-')}.txt").write_text(result.output)
    say(f"  {'':{WIDTH}} WRONG: breaks {result.broken or 'nothing'}")
    return False


def say(line: str) -> None:
    """A line as soon as it is known: the largest case takes a minute."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
