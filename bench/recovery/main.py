"""Runs the rounds, has the ledger judged, and writes down what came of it."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping

from rich.console import Console

from bench.figures import Figure
from bench.guarantees import refresh
from bench.judging import Judged, judge_ledger
from bench.machine import Machine
from bench.recovery.decide import decide
from bench.recovery.dispatchers import freeze, kill
from bench.recovery.options import Options
from bench.recovery.scene import SETTINGS, Scene, new_stack
from bench.recovery.servers import postgres, rabbitmq
from bench.report import Report, now
from history.times import Times
from stack.errors import StackError
from stack.system import Stack

Measure = Callable[[Scene, int], Awaitable[Mapping[str, list[float]]]]

MEASURES: Mapping[str, Measure] = {
    "kill": kill,
    "freeze": freeze,
    "rabbitmq": rabbitmq,
    "postgres": postgres,
    "decide": decide,
}

console = Console(highlight=False, soft_wrap=True)


async def main(options: Options) -> int:
    """Measure, print and write; the exit status."""
    async with new_stack() as stack:
        report = await measure(stack, options, console.print)
    for name, figure in report.figures.items():
        console.print(
            f"{name:<16} median {figure.median:.3f} s, worst {figure.most:.3f} s, {len(figure.values)} values"
        )
    console.print(f"{report.counts['calls']} calls, {report.counts['rules']} rules, no violation; {report.machine}")
    if options.json is not None:
        report.write(options.json)
    if options.write_docs:
        refresh()
    return 0


async def measure(stack: Stack, options: Options, tell: Callable[[str], None], times: Times | None = None) -> Report:
    """Do the faults to this system, which has the contract's `times` unless told.

    StackError if something does not recover, or the ledger is not clean.
    """
    load_before = os.getloadavg()[0]
    machine = await Machine.here(database_url=stack.database_url, amqp_url=stack.amqp_url)
    scene = Scene(stack, options.calm, random.Random(options.seed), tell)
    figures: dict[str, Figure] = {}
    for fault in options.only:
        measured = await MEASURES[fault](scene, options.rounds_of(fault))
        figures |= {name: Figure.of(values) for name, values in measured.items()}
    if scene.undisturbed:
        figures["undisturbed"] = Figure.of(scene.undisturbed)
    tell("judging the ledger")
    judged = await judge_ledger(stack.run.state / "ledger.jsonl", stack.database_url, times)
    if not judged.clean:
        raise StackError("the history checker objects:\n" + "\n".join(judged.examples))
    return Report(options.command, machine, now(), load_before, _counts(scene, judged), figures, SETTINGS)


def _counts(scene: Scene, judged: Judged) -> dict[str, int]:
    scene.ledger.read()
    return {
        "creates": scene.ledger.requests,
        "calls": judged.calls,
        "rules": len(judged.violated),
        "violations": sum(judged.violated.values()),
    }
