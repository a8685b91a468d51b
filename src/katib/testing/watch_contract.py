"""What every resource store must keep to when it is watched."""

from __future__ import annotations

from threading import Thread

import pytest

from katib.api.kinds import JOBS, PODS
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.errors import ConflictError, ExpiredError
from katib.ports.resource_store import Event, EventType, ResourceStore
from katib.testing.deletion_contract import DeletionContract
from katib.testing.resources import (
    NAME,
    a_job,
    a_pod,
    a_suggestion,
    asked,
    given,
    owned_by,
)


class WatchContract(DeletionContract):
    """The watching half of a store's contract; inherited by ``StoreContract``.

    ``expiring_writes`` is how many writes make the first one too old to watch from, and
    ``updates_of_each`` how many each of four threads does.
    """

    expiring_writes = 5_000
    updates_of_each = 200

    def test_listeners_hear_every_change_once_in_order(self, store: ResourceStore) -> None:
        """With the version, the resource, and whether only its status changed."""
        heard: list[Event] = []
        store.subscribe(heard.append)
        one = store.create(SUGGESTIONS, a_suggestion())
        two = store.update(SUGGESTIONS, asked(one, 2))
        three = store.update_status(SUGGESTIONS, given(two, 1))
        store.delete(SUGGESTIONS, NAME)
        assert [(event.type, event.is_status) for event in heard] == [
            (EventType.ADDED, False),
            (EventType.MODIFIED, False),
            (EventType.MODIFIED, True),
            (EventType.DELETED, False),
        ]
        assert [event.resource for event in heard[:3]] == [one, two, three]
        assert {(event.kind, event.key) for event in heard} == {(SUGGESTIONS, NAME)}
        versions = [event.version for event in heard]
        assert versions == sorted(set(versions))
        assert versions[-1] == store.version

    def test_the_last_event_shows_what_is_gone(self, store: ResourceStore) -> None:
        """As it was, with the version of its end."""
        store.create(SUGGESTIONS, given(a_suggestion(requests=5), 4))
        heard: list[Event] = []
        store.subscribe(heard.append)
        store.delete(SUGGESTIONS, NAME)
        (event,) = heard
        gone = event.resource
        assert isinstance(gone, Suggestion)
        assert (gone.spec.requests, gone.status.suggestion_count) == (5, 4)
        assert gone.metadata == event.metadata

    def test_a_mark_for_deletion_is_heard(self, store: ResourceStore) -> None:
        """As a change that is more than status, so that finalizers can be worked on."""
        store.create(SUGGESTIONS, a_suggestion(finalizers=("x",)))
        heard: list[Event] = []
        store.subscribe(heard.append)
        store.delete(SUGGESTIONS, NAME)
        assert [(event.type, event.is_status) for event in heard] == [(EventType.MODIFIED, False)]
        assert heard[0].metadata.deletion_timestamp is not None

    def test_a_cascade_is_heard_owner_first(self, store: ResourceStore) -> None:
        """Each of them is told."""
        owner = store.create(SUGGESTIONS, a_suggestion("owner"))
        child = store.create(JOBS, a_job("child", owner_references=owned_by(owner)))
        store.create(PODS, a_pod("grandchild", owned_by(child)))
        heard: list[Event] = []
        store.subscribe(heard.append)
        store.delete(SUGGESTIONS, owner.key)
        self.settle(
            lambda: [(event.type, event.key.name) for event in heard],
            [(EventType.DELETED, name) for name in ("owner", "child", "grandchild")],
        )

    def test_a_watch_can_begin_in_the_past(self, store: ResourceStore) -> None:
        """The past comes before subscribing returns; then what happens goes on without a gap."""
        one = store.create(SUGGESTIONS, a_suggestion())
        first = store.version
        two = store.update(SUGGESTIONS, asked(one, 2))
        three = store.create(JOBS, a_job())
        heard: list[Event] = []
        store.subscribe(heard.append, since=first)
        assert [event.resource for event in heard] == [two, three]
        third = store.version
        store.delete(JOBS, NAME)
        assert [event.version for event in heard][1:] == [third, store.version]
        late: list[Event] = []
        store.subscribe(late.append)
        assert late == []

    def test_a_watch_from_too_long_ago_is_refused(self, store: ResourceStore) -> None:
        """Rather than told with a gap; one from lately is told."""
        last = store.create(SUGGESTIONS, a_suggestion())
        first = store.version
        for number in range(self.expiring_writes):
            last = store.update_status(SUGGESTIONS, given(last, number + 1))
        newest = store.version
        heard: list[Event] = []
        words = f"events after version {first} are gone"
        with pytest.raises(ExpiredError, match=words):
            store.subscribe(heard.append, since=first)
        changed = store.update(SUGGESTIONS, asked(last, 2))
        assert heard == []
        store.subscribe(heard.append, since=newest)
        assert [event.resource for event in heard] == [changed]

    def test_who_unsubscribed_hears_nothing_more(self, store: ResourceStore) -> None:
        """The others still do; unsubscribing twice is no error."""
        left: list[Event] = []
        stayed: list[Event] = []
        unsubscribe = store.subscribe(left.append)
        store.subscribe(stayed.append)
        store.create(SUGGESTIONS, a_suggestion("a"))
        unsubscribe()
        unsubscribe()
        store.create(SUGGESTIONS, a_suggestion("b"))
        assert [event.key.name for event in left] == ["a"]
        assert [event.key.name for event in stayed] == ["a", "b"]

    def test_threads_lose_no_update(self, store: ResourceStore) -> None:
        """Each reads, changes, writes, and repeats when another was faster."""
        store.create(SUGGESTIONS, a_suggestion(requests=0))
        heard: list[int] = []
        store.subscribe(lambda event: heard.append(event.version))
        threads = [Thread(target=_count_up, args=(store, self.updates_of_each)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get(SUGGESTIONS, NAME).spec.requests == 4 * self.updates_of_each
        assert len(heard) == 4 * self.updates_of_each
        assert heard == sorted(set(heard))


def _count_up(store: ResourceStore, times: int) -> None:
    done = 0
    while done < times:
        read = store.get(SUGGESTIONS, NAME)
        try:
            store.update(SUGGESTIONS, asked(read, read.spec.requests + 1))
        except ConflictError:
            continue
        done += 1
