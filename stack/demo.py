"""`python -m stack demo [FILE]`: a whole campaign on this machine, against the simulator.

Ends with 0 only if the run completed, nobody was rung twice, the cap held, the simulator's own ledger agrees
with what the API tells, call by call, and the history checker finds no rule broken.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from stack.campaign import CALLS_PER_SECOND, CAP, SETTINGS, TIME_SCALE, Campaign, Look, begin
from stack.display import Display, summary_table
from stack.errors import StackError
from stack.given import servers_for_a_guest
from stack.judgement import judged
from stack.ledger import PlacedCall, disagreements, most_at_once, placed_calls, rung_twice, slot_turnarounds
from stack.rundir import ROOT
from stack.system import Stack

LEADS = ROOT / "demo" / "leads.csv"
SHOWN = 5

console = Console(highlight=False, soft_wrap=True)


def read_leads(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from error


async def demo(file: Path = LEADS) -> int:
    """Exit status of the whole demonstration; StackError if something would not start."""
    leads = read_leads(file)
    began = time.monotonic()
    with ExitStack() as spinner:
        spinner.enter_context(console.status("starting PostgreSQL, RabbitMQ, the simulator and four services"))
        async with Stack(settings=SETTINGS, name="demo", **await servers_for_a_guest()) as stack:
            spinner.close()
            console.print(f"Everything is up after {time.monotonic() - began:.1f} s; logs are in {stack.run.logs}")
            return await campaign(stack, leads, file.stem)


async def campaign(stack: Stack, leads: bytes, name: str) -> int:
    under_way = await begin(stack, leads, name)
    tell_beginning(under_way)
    with Display(console, under_way.names, under_way.started["total_leads"]) as display:
        async for look in under_way.looks():
            display.show(look)
    calls = placed_calls(await stack.simulator.ledger())
    console.print(summary_table(summary(under_way, look, calls)))
    wrong = list(faults(look, calls))
    for fault in wrong[:SHOWN]:
        console.print(f"WRONG: {fault}", style="bold red")
    if wrong:
        console.print(f"{len(wrong)} things are wrong", style="bold red")
    else:
        console.print(f"The simulator's ledger and the database agree on all {len(calls)} calls.", style="green")
    verdict = await judged(stack)
    if verdict.clean:
        console.print(f"All {verdict.rules} rules of the history checker hold.", style="green")
    else:
        for line in verdict.lines():
            console.print(line, style="bold red" if "VIOLATED" in line else None, markup=False)
    return 0 if verdict.clean and not wrong else 1


def tell_beginning(campaign: Campaign) -> None:
    imported = campaign.imported
    console.print(f"Imported {imported['created']} leads; {imported['updated']} of them stand in the file twice")
    for line in imported["invalid"]:
        console.print(f"  line {line['line']}: {line['phone']} is refused: {line['reason']}")
    console.print(
        f"Run {campaign.run_id} rings {campaign.started['total_leads']} leads, at most {CAP} at once. To end soon: "
        f"{CALLS_PER_SECOND} calls a second are allowed instead of 1, {CAP} at once instead of 3, and the "
        f"simulator's time runs {TIME_SCALE} times as fast."
    )


def summary(campaign: Campaign, look: Look, calls: list[PlacedCall]) -> Iterator[tuple[str, str]]:
    outcomes = Counter(job["outcome"] for job in look.jobs)
    invalid, updated = campaign.imported["invalid_count"], campaign.imported["updated"]
    turnarounds = slot_turnarounds(calls, CAP)
    yield "run", f"{look.run['status']} ({look.run['end_reason']})"
    yield "rung", str(len(calls))
    for outcome in ("answered", "busy", "no_answer", "failed"):
        yield outcome.replace("_", " "), str(outcomes.pop(outcome, 0))
    for outcome, number in outcomes.items():
        yield str(outcome), str(number)
    yield "skipped", skipped(campaign.started["skipped"], invalid, updated)
    if turnarounds:
        yield "slot turnaround", f"p50 {median(turnarounds) * 1000:.0f} ms, worst {max(turnarounds) * 1000:.0f} ms"
    yield "calls at once", f"{most_at_once(calls)} at most (allowed: {CAP})"
    yield "leads rung twice", str(len(rung_twice(calls)))


def skipped(refused: list[dict[str, Any]], invalid: int, updated: int) -> str:
    reasons = Counter(line["reason"] for line in refused)
    reasons["numbers that no phone has"] += invalid
    reasons["numbers that stood there before"] += updated
    told = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
    return f"{reasons.total()} ({told})" if told else "0"


def faults(look: Look, calls: list[PlacedCall]) -> Iterator[str]:
    """What must not be, in a sentence each."""
    if look.run["status"] != "completed":
        yield f"the run ended as {look.run['status']} ({look.run['end_reason']})"
    if most_at_once(calls) > CAP:
        yield f"{most_at_once(calls)} calls were live at once, {CAP} are allowed"
    yield from (f"{number} was rung twice" for number in rung_twice(calls))
    yield from disagreements(calls, look.jobs)
