"""Notes: each business once, and never more than one timer for it."""

from __future__ import annotations

import asyncio

from services.dispatcher.notes import Note, Notes


def test_a_hundred_hints_for_one_business_are_one_look_with_the_first_source() -> None:
    notes = Notes()
    for _ in range(100):
        notes.add(1, Note("rabbitmq"))
    notes.add(1, Note("heartbeat"))
    assert notes.take(10) == {1: Note("rabbitmq")}
    assert not notes


def test_one_redelivery_among_hints_is_remembered() -> None:
    notes = Notes()
    notes.add(1, Note("heartbeat"))
    notes.add(1, Note("rabbitmq", redelivered=True))
    notes.add(1, Note("rabbitmq"))
    assert notes.take(1) == {1: Note("heartbeat", redelivered=True)}


def test_what_has_waited_longest_is_taken_first_and_no_more_than_asked_for() -> None:
    notes = Notes()
    for business in (3, 1, 2):
        notes.add(business, Note("heartbeat"))
    assert list(notes.take(2)) == [3, 1]
    assert list(notes.take(2)) == [2]


async def test_a_timer_notes_its_business_when_it_is_due() -> None:
    notes = Notes()
    notes.add_in(0.01, 1, Note("rabbitmq"))
    assert not notes
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert notes.take(1) == {1: Note("rabbitmq")}


async def test_a_later_moment_replaces_an_earlier_one() -> None:
    """Timers that were added instead would multiply with every hint of a business whose rate is used up."""
    notes = Notes()
    notes.add_in(0.01, 1, Note("rabbitmq"))
    notes.add_in(60, 1, Note("rabbitmq"))
    notes.add_in(0.02, 2, Note("rabbitmq"))
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert list(notes.take(5)) == [2]
    notes.clear()


async def test_taking_a_business_cancels_its_timer() -> None:
    notes = Notes()
    notes.add_in(0.01, 1, Note("rabbitmq"))
    notes.add(1, Note("heartbeat"))
    assert list(notes.take(1)) == [1]
    notes.arrived.clear()
    notes.add_in(0.03, 2, Note("rabbitmq"))
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert list(notes.take(5)) == [2]


def test_a_look_that_found_nothing_holds_nothing_back() -> None:
    """The next hint may tell of a slot that came free a moment later."""
    notes = Notes()
    notes.fruitless(1)
    notes.add(1, Note("rabbitmq"))
    assert list(notes.take(5)) == [1]


def test_a_fruitful_look_begins_anew() -> None:
    notes = Notes()
    for _ in range(5):
        notes.fruitless(1)
        notes.fruitful(1)
    notes.fruitless(1)
    notes.add(1, Note("rabbitmq"))
    assert list(notes.take(5)) == [1]


async def test_hints_after_several_fruitless_looks_are_one_look_when_the_business_has_rested() -> None:
    notes = Notes()
    notes.fruitless(1)
    notes.fruitless(1)
    notes.add(1, Note("rabbitmq"))
    notes.add(1, Note("heartbeat", redelivered=True))
    notes.add(2, Note("heartbeat"))
    assert list(notes.take(5)) == [2]
    notes.arrived.clear()
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert notes.take(5) == {1: Note("rabbitmq", redelivered=True)}


async def test_a_hint_that_came_during_a_fruitless_look_waits_for_the_rest_too() -> None:
    notes = Notes()
    notes.fruitless(1)
    notes.add(1, Note("rabbitmq"))
    notes.fruitless(1)
    assert not notes
    notes.arrived.clear()
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert list(notes.take(5)) == [1]


async def test_nothing_is_left_after_clear() -> None:
    notes = Notes()
    notes.add(1, Note("rabbitmq"))
    notes.add_in(0.01, 2, Note("rabbitmq"))
    notes.clear()
    notes.add_in(0.03, 3, Note("rabbitmq"))
    notes.arrived.clear()
    await asyncio.wait_for(notes.arrived.wait(), 60)
    assert list(notes.take(5)) == [3]
