from __future__ import annotations

import pytest

from katib.api.suggestion import SUGGESTIONS
from katib.errors import ExpiredError
from katib.ports.resource_store import Event
from katib.stores.cache import DECODED, HISTORY
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock
from katib.testing.resources import NAME, a_suggestion, asked, given


def a_store_with_writes(count: int) -> MemoryStore:
    store = MemoryStore(FakeClock())
    last = store.create(SUGGESTIONS, a_suggestion())
    for number in range(count - 1):
        last = store.update_status(SUGGESTIONS, given(last, number + 1))
    return store


def test_a_watch_may_go_back_as_far_as_history_is_kept() -> None:
    store = a_store_with_writes(HISTORY)
    heard: list[Event] = []
    store.subscribe(heard.append, since=0)
    assert [event.version for event in heard] == list(range(1, HISTORY + 1))


def test_one_write_more_expires_the_first() -> None:
    store = a_store_with_writes(HISTORY + 1)
    with pytest.raises(ExpiredError, match="events after version 0 are gone; the oldest kept is 1"):
        store.subscribe(lambda _: None, since=0)
    heard: list[Event] = []
    store.subscribe(heard.append, since=1)
    assert len(heard) == HISTORY


def test_times_are_the_clocks() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    clock.advance(5)
    made = store.create(SUGGESTIONS, a_suggestion(finalizers=("x",)))
    assert made.metadata.creation_timestamp == clock.now()
    clock.advance(7)
    store.delete(SUGGESTIONS, NAME)
    assert store.get(SUGGESTIONS, NAME).metadata.deletion_timestamp == clock.now()


def test_resources_that_went_cold_are_written_like_others() -> None:
    store = MemoryStore(FakeClock())
    first = store.create(SUGGESTIONS, a_suggestion("first", requests=1))
    for number in range(DECODED + 10):
        store.create(SUGGESTIONS, a_suggestion(f"more-{number}"))
    changed = store.update(SUGGESTIONS, asked(first, 2))
    assert (changed.metadata.generation, changed.spec.requests) == (2, 2)
    assert store.update(SUGGESTIONS, changed) == changed


def test_an_old_event_still_shows_what_it_told() -> None:
    store = MemoryStore(FakeClock())
    heard: list[Event] = []
    store.subscribe(heard.append)
    one = store.create(SUGGESTIONS, a_suggestion())
    store.update(SUGGESTIONS, asked(one, 2))
    store.delete(SUGGESTIONS, NAME)
    store.create(SUGGESTIONS, a_suggestion(requests=9))
    assert heard[0].resource == one
