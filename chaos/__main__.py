"""`python -m chaos [--seconds N] [--seed N] [--json]`: exit status 0 when nothing is wrong, else 1."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence

import orjson

from chaos.plan import Plan
from chaos.report import as_json, text
from chaos.run import REST_SECONDS, play
from stack.entry import supervise

SECONDS = 120.0
SEEDS = 1_000_000_000


def main(arguments: Sequence[str]) -> int:
    """The exit status of one run."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description="Campaigns under random faults, held against the provider's ledger."
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long faults go on (%(default)g)")
    parser.add_argument("--seed", type=int, help="the number that chooses the faults (drawn, and printed)")
    parser.add_argument(
        "--rest", type=float, default=REST_SECONDS, help="seconds until all must be at rest (%(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    given = parser.parse_args(arguments)
    plan = Plan(secrets.randbelow(SEEDS) if given.seed is None else given.seed, given.seconds)
    return supervise(lambda: _run(plan, rest_seconds=given.rest, json=given.json))


async def _run(plan: Plan, *, rest_seconds: float, json: bool) -> int:
    sys.stderr.write(f"chaos: seed {plan.seed}, {plan.seconds:g} s of faults\n")
    outcome = await play(plan, rest_seconds=rest_seconds)
    shown = orjson.dumps(as_json(plan, outcome.verdict)).decode() if json else text(plan, outcome.verdict)
    sys.stdout.write(f"{shown}\n")
    if outcome.evidence is not None:
        sys.stderr.write(f"what is needed to find the cause is in {outcome.evidence}\n")
    return 0 if outcome.verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
