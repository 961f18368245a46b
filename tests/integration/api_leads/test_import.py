"""CSV files of leads over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.auth import Role
from tests.integration.api.rig import Asker, Rig, World
from tests.integration.api_leads.conftest import Pair

DEMO = Path(__file__).parents[3] / "demo" / "leads.csv"


async def posted(asker: Asker, content: bytes, **headers: str) -> httpx.Response:
    return await asker.post("/api/leads/import", files={"file": ("leads.csv", content)}, headers=headers)


async def imported(asker: Asker, content: str | bytes) -> dict[str, Any]:
    answer = await posted(asker, content.encode() if isinstance(content, str) else content)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def kept(asker: Asker) -> dict[str, tuple[str | None, dict[str, Any]]]:
    answer = await asker.get("/api/leads", params={"limit": 1000})
    return {lead["phone"]: (lead["name"], lead["attributes"]) for lead in answer.json()["items"]}


def file_reason(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    (field,) = answer.json()["fields"]
    assert field["field"] == "file"
    return str(field["reason"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1255"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_a_file_as_people_save_it_becomes_leads(pair: Pair, encoding: str, delimiter: str) -> None:
    lines = ["Phone,NAME,city,note", "052-2005574,דנה לוי,חיפה,", '+1 312 555 0172,"O""Neill",,\\N \\ x']
    answer = await imported(pair.asker_a, "\r\n".join(lines).replace(",", delimiter).encode(encoding))
    assert answer == {"created": 2, "updated": 0, "invalid": [], "invalid_count": 0}
    assert await kept(pair.asker_a) == {
        "+972522005574": ("דנה לוי", {"city": "חיפה"}),
        "+13125550172": ('O"Neill', {"note": "\\N \\ x"}),
    }


async def test_each_bad_line_is_named_by_its_number_in_the_file(pair: Pair) -> None:
    content = (
        'phone,name\n0522005574,"two\nlines"\n050-12345,short\n\n,nobody\n0522005575,a,b\n0522005576,"open\n'
        "0522005577,a\x00b\n0522005578," + "x" * 201 + "\n0522005579," + "y" * 70_000 + "\n0522005580,good\n"
    )
    answer = await imported(pair.asker_a, content)
    assert (answer["created"], answer["updated"], answer["invalid_count"]) == (2, 0, 7)
    assert [(bad["line"], bad["phone"]) for bad in answer["invalid"]] == [
        (4, "050-12345"),
        (6, None),
        (7, "0522005575"),
        (8, None),
        (9, "0522005577"),
        (10, "0522005578"),
        (11, None),
    ]
    assert len({bad["reason"] for bad in answer["invalid"]}) == 7
    assert await kept(pair.asker_a) == {"+972522005574": ("two lines", {}), "+972522005580": ("good", {})}


async def test_a_thousand_bad_lines_are_listed_and_all_are_counted(pair: Pair) -> None:
    answer = await imported(pair.asker_a, "phone\n" + "123\n" * 2_345 + "0522005574\n")
    assert (answer["created"], answer["invalid_count"], len(answer["invalid"])) == (1, 2_345, 1_000)
    assert answer["invalid"][-1]["line"] == 1_001


async def test_reasons_come_in_hebrew_too(pair: Pair) -> None:
    answer = await imported(pair.asker_b, "phone\n123\n")
    assert not answer["invalid"][0]["reason"].isascii()
    assert file_reason(await posted(pair.asker_b, b"")).isascii() is False
    assert file_reason(await posted(pair.asker_b, b"", **{"Accept-Language": "en"})).isascii()


async def test_a_number_twice_in_a_file_is_one_lead_with_the_last_word(pair: Pair) -> None:
    content = "phone,name,city\n0522005574,first,Haifa\n052-2005574,second,\n+972522005574,,Eilat\n"
    answer = await imported(pair.asker_a, content)
    assert (answer["created"], answer["updated"]) == (1, 2)
    assert await kept(pair.asker_a) == {"+972522005574": ("second", {"city": "Eilat"})}


async def test_what_a_file_does_not_say_stays_and_a_repeated_import_changes_nothing(pair: Pair, world: World) -> None:
    await imported(pair.asker_a, "phone,name,city\n0522005574,Dana,Haifa\n0522005575,Avi,\n")
    assert (await imported(pair.asker_a, "phone\n0522005574\n"))["updated"] == 1
    rows = "SELECT array_agg(l::text ORDER BY id) FROM leads l"
    before = await world.value(rows)
    answer = await imported(pair.asker_a, "phone,name,city\n0522005574,,Haifa\n0522005575,Avi,\n")
    assert (answer["created"], answer["updated"]) == (0, 2)
    assert await world.value(rows) == before


async def test_two_businesses_import_one_file_each_for_himself(pair: Pair, platform: Asker) -> None:
    content = "phone,name\n0522005574,mine\n"
    assert (await imported(pair.asker_a, content))["created"] == 1
    assert (await imported(pair.asker_b, content.replace("mine", "mine too")))["created"] == 1
    assert await kept(pair.asker_a) == {"+972522005574": ("mine", {})}
    assert (await posted(platform, content.encode())).json()["fields"][0]["field"] == "business_id"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"name\nDana\n",
        b"0522005574\n",
        b"phone,phone\n1,2\n",
        b"phone,name\n" + b"0522005574,\xff\xfe\n",
        b"\x00\x01\x02",
        "phone\n0522005574\n".encode("utf-16"),
        b'{"leads": [{"phone": "0522005574"}]}',
    ],
)
async def test_what_is_no_file_of_leads_is_refused_whole(pair: Pair, world: World, content: bytes) -> None:
    file_reason(await posted(pair.asker_a, content))
    assert await world.value("SELECT count(*) FROM leads") == 0


async def test_a_form_without_the_file_is_refused(pair: Pair) -> None:
    path, good = "/api/leads/import", b"phone\n0522005574\n"
    file_reason(await pair.asker_a.post(path))
    file_reason(await pair.asker_a.post(path, json={"file": "x"}))
    file_reason(await pair.asker_a.post(path, content=good, headers={"Content-Type": "text/csv"}))
    file_reason(await pair.asker_a.post(path, files={"csv": ("x.csv", good)}))
    file_reason(await pair.asker_a.post(path, data={"file": "phone"}, files={"other": ("x.csv", good)}))
    file_reason(await pair.asker_a.post(path, files=[("file", ("a", good)), ("file", ("b", good))]))
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    file_reason(await pair.asker_a.post(path, content=b"--x\r\nnonsense", headers=broken))
    file_reason(await pair.asker_a.post(path, content=b"", headers={"Content-Type": "multipart/form-data"}))


async def test_a_file_above_the_limit_is_refused_by_its_announced_length(pair: Pair) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "200000001"}
    answer = await pair.asker_a.post("/api/leads/import", content=b"not read", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_new_leads_have_ids_in_the_order_of_the_file(pair: Pair) -> None:
    await imported(pair.asker_a, "phone\n0522005579\n0522005574\n+13125550172\n0522005579\n0522005570\n")
    assert [phone[-1] for phone in await kept(pair.asker_a)] == ["9", "4", "2", "0"]


async def test_imports_of_the_same_numbers_at_once_make_each_lead_once(pair: Pair, world: World) -> None:
    """Leads are locked in the order of their numbers; in the order of the files, two imports would block each other."""
    numbers = [f"052-{2000000 + number}" for number in range(3_000)]
    up, down = "\n".join(["phone", *numbers]), "\n".join(["phone", *reversed(numbers)])
    leads = {"leads": [{"phone": number, "name": "json"} for number in numbers[::-1]]}
    *answers, given = await asyncio.gather(
        imported(pair.asker_a, up),
        imported(pair.asker_a, down),
        imported(pair.asker_a, up),
        pair.asker_a.post("/api/leads", json=leads),
    )
    assert given.status_code == 200, given.text
    assert sum(answer["created"] for answer in answers) + given.json()["created"] == 3_000
    assert [answer["created"] + answer["updated"] for answer in answers] == [3_000] * 3
    assert await world.value("SELECT count(*) FROM leads WHERE name = 'json'") == 3_000


async def test_an_import_that_breaks_off_leaves_nothing(pair: Pair, world: World) -> None:
    await world.do(
        "CREATE FUNCTION end_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    await world.do("ALTER FUNCTION end_here() SECURITY DEFINER")
    await world.do(
        "CREATE TRIGGER t BEFORE INSERT ON leads FOR EACH ROW WHEN (NEW.phone = '+972522005599')"
        " EXECUTE FUNCTION end_here()"
    )
    content = "\n".join(["phone", *(f"05220055{number}" for number in range(10, 100))]).encode()
    answer = await posted(pair.asker_a, content)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await world.value("SELECT count(*) FROM leads") == 0
    await world.do("DROP TRIGGER t ON leads")
    assert (await imported(pair.asker_a, content))["created"] == 90


async def test_the_demos_file_is_taken_but_for_its_impossible_numbers(rig: Rig, pair: Pair) -> None:
    answer = await imported(rig.asker(pair.a, Role.ADMIN), DEMO.read_bytes())
    assert (answer["created"], answer["updated"], answer["invalid_count"]) == (115, 2, 3)
    names = {name for name, _ in (await kept(pair.asker_a)).values()}
    assert {"Thomas Müller", "שרון כהן"} <= names
