from __future__ import annotations

from threading import Thread

import pytest

from katib.controllers.loop.queue import MOST_BEFORE, WorkQueue
from katib.testing.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue[str]:
    return WorkQueue(clock.monotonic)


def rest(queue: WorkQueue[str]) -> list[str]:
    """All that is handed out now."""
    found = []
    while (item := queue.take(0)) is not None:
        found.append(item)
    return found


def test_items_come_in_the_order_they_were_added(queue: WorkQueue[str]) -> None:
    for item in "cab":
        queue.add(item)
    assert rest(queue) == ["c", "a", "b"]


def test_an_item_that_waits_is_not_added_again(queue: WorkQueue[str]) -> None:
    for item in "abaab":
        queue.add(item)
    assert rest(queue) == ["a", "b"]


def test_an_item_that_runs_comes_once_more_when_it_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert queue.take(0) == "a"
    queue.add("a")
    queue.add("a")
    assert queue.take(0) is None
    queue.done("a")
    assert rest(queue) == ["a"]
    queue.done("a")
    assert rest(queue) == []


def test_an_item_that_is_done_can_be_added_again(queue: WorkQueue[str]) -> None:
    for _ in range(2):
        queue.add("a")
        assert rest(queue) == ["a"]
        queue.done("a")


def test_a_delayed_item_comes_when_its_time_has(queue: WorkQueue[str], clock: FakeClock) -> None:
    queue.add_after("late", 5)
    queue.add_after("soon", 1)
    assert rest(queue) == []
    clock.advance(1)
    assert rest(queue) == ["soon"]
    clock.advance(3.9)
    assert rest(queue) == []
    clock.advance(0.1)
    assert rest(queue) == ["late"]


def test_a_delay_of_nothing_is_none(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 0)
    assert rest(queue) == ["a"]


def test_a_delay_does_not_hold_up_what_comes_now(queue: WorkQueue[str], clock: FakeClock) -> None:
    queue.add_after("a", 5)
    queue.add("a")
    assert rest(queue) == ["a"]
    queue.done("a")
    clock.advance(5)
    assert rest(queue) == ["a"]


def test_the_last_delay_counts(queue: WorkQueue[str], clock: FakeClock) -> None:
    queue.add_after("a", 1)
    queue.add_after("a", 5)
    clock.advance(1)
    assert rest(queue) == []
    clock.advance(4)
    assert rest(queue) == ["a"]
    queue.done("a")
    clock.advance(100)
    assert rest(queue) == []


def test_a_delay_can_be_forgotten(queue: WorkQueue[str], clock: FakeClock) -> None:
    queue.add_after("a", 1)
    queue.forget_later("a")
    queue.forget_later("never asked for")
    clock.advance(1)
    assert rest(queue) == []


def test_a_delay_that_ends_while_the_item_runs_brings_it_once_more(
    queue: WorkQueue[str], clock: FakeClock
) -> None:
    queue.add("a")
    assert queue.take(0) == "a"
    queue.add_after("a", 1)
    clock.advance(1)
    assert rest(queue) == []
    queue.done("a")
    assert rest(queue) == ["a"]


def test_a_closed_queue_hands_out_nothing(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.close()
    assert queue.take() is None
    queue.add("b")
    assert queue.take() is None


def test_closing_wakes_who_waits(queue: WorkQueue[str]) -> None:
    found: list[str | None] = []
    threads = [Thread(target=lambda: found.append(queue.take())) for _ in range(2)]
    for thread in threads:
        thread.start()
    queue.close()
    for thread in threads:
        thread.join(10)
    assert found == [None, None]


def test_adding_wakes_who_waits(queue: WorkQueue[str]) -> None:
    found: list[str | None] = []
    thread = Thread(target=lambda: found.append(queue.take()))
    thread.start()
    queue.add("a")
    thread.join(10)
    assert found == ["a"]


def test_owners_are_served_in_turns(clock: FakeClock) -> None:
    queue = WorkQueue[str](clock.monotonic, lambda item: item[0])
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(item)
    assert rest(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_comes_late_does_not_wait_for_all_that_another_has(clock: FakeClock) -> None:
    queue = WorkQueue[str](clock.monotonic, lambda item: item[0])
    for number in range(1000):
        queue.add(f"a{number}")
    assert [queue.take(0), queue.take(0)] == ["a0", "a1"]
    queue.add("b")
    assert [queue.take(0), queue.take(0)] == ["a2", "b"]


def test_what_comes_again_keeps_to_its_turn(clock: FakeClock) -> None:
    queue = WorkQueue[str](clock.monotonic, lambda item: item[0])
    queue.add("a1")
    assert queue.take(0) == "a1"
    queue.add("a1")
    queue.add("a2")
    queue.add("b1")
    queue.add_after("b2", 0)
    queue.done("a1")
    assert rest(queue) == ["a2", "b1", "a1", "b2"]


def is_capital(item: str) -> bool:
    return item.isupper()


def test_a_patient_item_lets_others_overtake(clock: FakeClock) -> None:
    queue = WorkQueue[str](clock.monotonic, is_patient=is_capital)
    for item in "aBc":
        queue.add(item)
    calm = [queue.is_calm]
    assert [queue.take(0), queue.take(0)] == ["a", "c"]
    calm.append(queue.is_calm)
    assert calm == [False, True]
    assert rest(queue) == ["B"]


def test_a_patient_item_is_not_overtaken_for_ever(clock: FakeClock) -> None:
    queue = WorkQueue[str](clock.monotonic, is_patient=is_capital)
    queue.add("A")
    handed_out = []
    while "A" not in handed_out:
        queue.add("b")
        queue.add("c")
        item = queue.take(0)
        assert item is not None
        queue.done(item)
        handed_out.append(item)
    assert len(handed_out) == MOST_BEFORE + 1
