"""The verdict on a run: what is found, and what the report says about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.machine import Machine
from chaos.judgement import Verdict
from chaos.notes import Notes
from chaos.plan import Plan
from chaos.report import as_json, text
from chaos.results import Before, report
from chaos.run import Outcome
from history.report import judge
from tests.integration.history.scene import Scene

PLAN = Plan(seed=7, seconds=30)


async def verdict_on(scene: Scene, *complaints: str) -> Verdict:
    history = await scene.history()
    counts = Counter(kill=3, freeze_and_kill=1, short_freeze=2, rabbitmq_killed=1, link_cut=4)
    return Verdict(history, judge(history), list(complaints), counts, {"two_sids": 1})


async def test_an_honest_run_is_clean_and_its_figures_are_counted(scene: Scene) -> None:
    await scene.run(2)
    for _ in range(2):
        await scene.rings(await scene.claim())
    verdict = await verdict_on(scene)
    assert verdict.clean
    figures = verdict.figures()
    assert (figures["kills"], figures["freezes"], figures["calls"], figures["doubles"]) == (5, 3, 2, 0)
    assert text(PLAN, verdict).endswith("seed 7: nothing is wrong")
    assert as_json(PLAN, verdict)["ok"] is True


async def test_a_lead_that_two_attempts_of_a_job_rang_is_a_double(scene: Scene) -> None:
    run_id = await scene.run(1)
    first = await scene.claim()
    scene.ledger.ends(scene.ledger.placed(first))
    await scene.denied_twice(first)
    await scene.rings(await scene.claim())
    verdict = await verdict_on(scene)
    assert verdict.doubles() == [job.id for job in verdict.history.jobs_of_run[run_id]]
    assert verdict.figures()["doubles"] > 0
    assert not verdict.clean


async def test_a_complaint_is_wrong_also_where_every_rule_holds(scene: Scene) -> None:
    await scene.run(1)
    await scene.rings(await scene.claim())
    verdict = await verdict_on(scene, "the api ended by itself")
    assert not verdict.clean
    assert "WRONG: the api ended by itself" in text(PLAN, verdict)
    assert text(PLAN, verdict).endswith("SOMETHING IS WRONG")


async def test_the_counts_of_all_runs_are_added_up(scene: Scene) -> None:
    await scene.run(1)
    await scene.rings(await scene.claim())
    outcome = Outcome(await verdict_on(scene, "one thing"), None)
    made = report("make chaos", Before(await Machine.here(), 0.5), [(PLAN, outcome), (PLAN, outcome)])
    assert made.command == "make chaos"
    expected = {"runs_of_chaos": 2, "seconds": 60, "kills": 10, "calls": 2, "violations": 2, "cuts": 8, "restarts": 2}
    assert expected.items() <= made.counts.items()


def test_notes_are_what_the_checker_reads(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    notes.action("cancel", run_id=1)
    notes.excuse("create_late", 1.0, 2.0, "frozen for long")
    notes.complain("that must not be")
    assert notes.counts == {"cancel": 1, "excused": 1}
    assert notes.complaints == ["that must not be"]
    assert len(notes.diary.read_text().splitlines()) == 3
