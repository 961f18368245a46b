"""Leads out of a file, batch by batch."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

from services.api.lead_file import BATCH, MOST_LISTED, LeadFile


def read(content: str) -> tuple[list[bytes], LeadFile]:
    file = LeadFile(BytesIO(content.encode()), "IL")
    return list(file.batches()), file


def test_what_copy_would_take_for_its_own_signs_is_escaped() -> None:
    batches, file = read('phone,name,note\n0522005574,a\\b,"tab\there\nand there"\n0522005575,\\N,\\.\n0522005576,,\n')
    assert b"".join(batches).decode().splitlines() == [
        '2\t+972522005574\ta\\\\b\t{"note":"tab\\\\there\\\\nand there"}',
        '4\t+972522005575\t\\\\N\t{"note":"\\\\\\\\."}',
        "5\t+972522005576\t\\N\t\\N",
    ]
    assert (file.taken, file.invalid_count) == (3, 0)


def test_batches_are_of_so_many_lines_good_or_bad() -> None:
    batches, file = read("phone\n" + "0522005574\n123\n" * BATCH)
    assert [batch.count(b"\n") for batch in batches] == [BATCH // 2, BATCH // 2, 0]
    assert (file.taken, file.invalid_count, len(file.invalid)) == (BATCH, BATCH, min(BATCH, MOST_LISTED))


def test_bad_lines_do_not_keep_the_lines_around_them_in_memory() -> None:
    """A reason that held on to its exception would hold the batch that it was found in, up to a thousand of them."""
    line = "0522005574," + "x" * 150 + ",y" * 50 + "\n"
    content = "phone,name" + "".join(f",c{number}" for number in range(50)) + "\n" + (line * 99 + "1\n") * 100
    file = LeadFile(BytesIO(content.encode()), "IL")
    batches = file.batches()
    next(batches)
    tracemalloc.start()
    for _ in batches:
        pass
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.invalid_count == 100
    assert kept < 500_000
