"""`python -m chaos [--seconds N] [--seed N] [--runs N] [--json]`: exit status 0 when nothing is wrong, else 1."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import orjson

from bench.guarantees import refresh
from chaos.options import Options, parse
from chaos.plan import Plan
from chaos.report import as_json, text
from chaos.results import Before, report
from chaos.run import Outcome, play
from stack.entry import supervise


def main(arguments: Sequence[str]) -> int:
    """The exit status of all runs."""
    options = parse(arguments)
    return supervise(lambda: _all(options))


async def _all(options: Options) -> int:
    before = await Before.look()
    runs = [(plan, await _one(plan, options)) for plan in options.plans()]
    if options.results is not None:
        report(options.command, before, runs).write(options.results)
    if options.write_docs:
        refresh()
    return 0 if all(outcome.verdict.clean for _, outcome in runs) else 1


async def _one(plan: Plan, options: Options) -> Outcome:
    sys.stderr.write(f"chaos: seed {plan.seed}, {plan.seconds:g} s of faults\n")
    outcome = await play(plan, rest_seconds=options.rest)
    shown = orjson.dumps(as_json(plan, outcome.verdict)).decode() if options.json else text(plan, outcome.verdict)
    sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()
    if outcome.evidence is not None:
        sys.stderr.write(f"what is needed to find the cause is in {outcome.evidence}\n")
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
