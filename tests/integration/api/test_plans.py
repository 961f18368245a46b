"""What the hot question about a run touches, whatever the planner has been told of the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared import queries
from tests.integration.api.rig import Rig, World

BIG = 50_000
DESCRIBE = Path(queries.__file__).parent / "functions" / "ringfence_describe_runs.sql"


def _rows_touched(plan: dict[str, Any]) -> int:
    removed = sum(plan.get(key, 0) for key in ("Rows Removed by Filter", "Rows Removed by Join Filter"))
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"] if "Relation Name" in plan else 0
    return int(own + sum(_rows_touched(part) for part in plan.get("Plans", [])))


async def test_small_runs_beside_a_big_one_are_shown_without_reading_the_big_one(rig: Rig, world: World) -> None:
    """Breaks when every look at a progress bar walks the jobs of somebody's 50,000."""
    business = await world.business()
    asker = rig.asker(business)
    leads = await world.leads(business, BIG)
    await asker.start(leads)
    await world.do("ANALYZE")  # from now on the planner believes that every run is as big
    small = [await asker.start(leads[:2]) for _ in range(20)]
    await world.dispatcher()
    body = DESCRIBE.read_text().split("$$")[1]
    for name, value in (
        ("p_runs", f"'{{{','.join(map(str, small))}}}'::bigint[]"),
        ("p_nudge_after", "interval '5 s'"),
        ("p_stale_after", "interval '30 s'"),
        ("p_lease", "interval '10 s'"),
    ):
        body = body.replace(name, value)
    await world.do("SET ROLE ringfence_api")
    await world.do(f"SET ringfence.business_id = '{business}'")
    (explained,) = json.loads(await world.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {body}"))
    touched = _rows_touched(explained["Plan"])
    assert len(small) < touched < 100 * len(small)
