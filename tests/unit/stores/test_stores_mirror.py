from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from katib.api.codec import encode
from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.api.values import Key, Strings
from katib.ports.resource_store import Event, EventType
from katib.stores.mirror import Mirror, Shelf
from katib.testing.resources import NAME, a_job, a_suggestion, asked, given, names_of

ADDED, MODIFIED, DELETED = EventType.ADDED, EventType.MODIFIED, EventType.DELETED


class Scene:
    """A copy of suggestions that was listed at version 10, and what is heard of it."""

    def __init__(self, *listed: Suggestion) -> None:
        self.mirror = Mirror()
        self.heard: list[tuple[EventType, str, str]] = []
        self.events: list[Event] = []
        self.mirror.subscribe(self._hear)
        self.shelf: Shelf = self.mirror.add(SUGGESTIONS, "")
        self.shelf.reset([encode(one) for one in listed], 10)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        metadata = event.metadata
        self.heard.append((event.type, metadata.name, metadata.resource_version))

    def watch(self, type: EventType, resource: Suggestion) -> None:
        self.shelf.change(type, encode(resource))

    def answer(self, resource: Suggestion) -> None:
        self.mirror.accept(SUGGESTIONS, resource, 100)

    def requests(self) -> int | None:
        found = self.mirror.find(SUGGESTIONS, NAME)
        return None if found is None else found.spec.requests


def at(version: int, requests: int = 1, uid: str = "u", name: str = "one") -> Suggestion:
    fields = {"uid": uid, "resource_version": str(version), "generation": requests}
    return a_suggestion(name, requests, **fields)


def test_what_was_there_before_is_no_change() -> None:
    scene = Scene(at(5))
    assert scene.heard == []
    assert scene.requests() == 1


def test_an_own_write_is_told_once_though_the_watch_tells_it_too() -> None:
    scene = Scene()
    scene.answer(at(11))
    scene.watch(ADDED, at(11))
    scene.watch(MODIFIED, at(12, 2))
    scene.answer(at(12, 2))
    assert scene.heard == [(ADDED, "one", "11"), (MODIFIED, "one", "12")]


def test_an_own_write_is_not_undone_by_a_watch_that_is_behind() -> None:
    scene = Scene(at(5))
    scene.answer(at(14, 3))
    scene.watch(MODIFIED, at(13, 2))
    assert scene.requests() == 3
    scene.watch(MODIFIED, at(14, 3))
    scene.watch(MODIFIED, at(15, 4))
    assert scene.heard == [(MODIFIED, "one", "14"), (MODIFIED, "one", "15")]


def test_an_answer_that_comes_late_does_not_bring_back_what_is_gone() -> None:
    scene = Scene()
    scene.watch(ADDED, at(11))
    scene.watch(DELETED, at(12))
    scene.answer(at(11))
    assert scene.requests() is None
    assert scene.heard == [(ADDED, "one", "11"), (DELETED, "one", "12")]


def test_an_own_deletion_is_not_undone_by_a_watch_that_is_behind() -> None:
    scene = Scene(at(5))
    scene.mirror.drop(SUGGESTIONS, NAME, "u")
    scene.watch(MODIFIED, at(11, 2))
    assert scene.requests() is None
    scene.watch(DELETED, at(12, 2))
    assert scene.heard == [(DELETED, "one", "5")]
    scene.watch(ADDED, at(13, 7, uid="another"))
    assert scene.requests() == 7


def test_an_own_deletion_ends_the_resource_that_was_meant() -> None:
    scene = Scene(at(5))
    scene.mirror.drop(SUGGESTIONS, NAME, "another")
    assert scene.requests() == 1


def test_the_last_finalizer_is_the_end() -> None:
    scene = Scene(at(5))
    marked = at(11)
    marked = replace(
        marked,
        metadata=replace(
            marked.metadata,
            deletion_timestamp=datetime(2026, 1, 1, tzinfo=UTC),
            finalizers=("x",),
        ),
    )
    scene.answer(marked)
    assert scene.requests() == 1
    free = replace(marked, metadata=replace(marked.metadata, finalizers=(), resource_version="12"))
    scene.answer(free)
    assert scene.requests() is None
    scene.watch(MODIFIED, marked)
    scene.watch(DELETED, free)
    assert [type for type, *_ in scene.heard] == [MODIFIED, DELETED]


def test_a_new_list_tells_the_differences() -> None:
    scene = Scene(at(5), at(6, name="gone"), at(7, name="same"))
    scene.answer(at(25, name="written after the list"))
    fresh = [at(15, 2), at(7, name="same"), at(16, name="new")]
    scene.shelf.reset([encode(one) for one in fresh], 20)
    assert scene.heard == [
        (ADDED, "written after the list", "25"),
        (MODIFIED, "one", "15"),
        (ADDED, "new", "16"),
        (DELETED, "gone", "6"),
    ]


def test_a_list_from_before_an_own_deletion_does_not_undo_it() -> None:
    scene = Scene(at(5))
    scene.mirror.drop(SUGGESTIONS, NAME, "u")
    scene.shelf.reset([encode(at(5))], 12)
    assert scene.requests() is None
    scene.watch(DELETED, at(13))
    assert scene.heard == [(DELETED, "one", "5")]


def test_a_name_that_came_again_unseen_is_an_end_and_a_beginning() -> None:
    scene = Scene(at(5))
    scene.shelf.reset([encode(at(15, uid="another"))], 20)
    assert scene.heard == [(DELETED, "one", "5"), (ADDED, "one", "15")]


def test_a_kind_that_is_served_no_more_is_empty() -> None:
    scene = Scene(at(5))
    scene.shelf.reset([], 0)
    assert scene.heard == [(DELETED, "one", "5")]


def test_a_mark_says_how_far_the_watch_is() -> None:
    scene = Scene()
    scene.shelf.progress(30)
    # It was made and deleted again, and the watch is past both.
    scene.answer(at(25))
    assert scene.requests() is None


def test_only_the_status_differs_when_metadata_is_as_it_was() -> None:
    scene = Scene(at(5))
    scene.watch(MODIFIED, given(at(11), 4))
    scene.watch(MODIFIED, asked(at(12, 2), 2))
    labelled = at(13, 2)
    labels = Strings(a="1")
    scene.watch(MODIFIED, replace(labelled, metadata=replace(labelled.metadata, labels=labels)))
    assert [event.is_status for event in scene.events] == [True, False, False]


def test_versions_are_the_copys_own_and_grow_with_each_change() -> None:
    scene = Scene(at(5))
    before = scene.mirror.version
    scene.answer(at(90, name="later"))
    scene.watch(MODIFIED, at(50, 2))
    assert [event.version for event in scene.events] == [before + 1, before + 2]
    assert names_of(scene.mirror.list(SUGGESTIONS)) == ["later", "one"]


def test_what_lacks_the_label_is_not_kept() -> None:
    mirror = Mirror()
    mirror.add(JOBS, "run").reset([], 10)
    mirror.accept(JOBS, a_job(uid="u", resource_version="11"), 100)
    assert mirror.find(JOBS, NAME) is None
    mirror.accept(JOBS, a_job(uid="u", resource_version="12", labels=Strings(run="x")), 100)
    assert mirror.find(JOBS, NAME) is not None


def test_what_nobody_watches_is_not_kept() -> None:
    mirror = Mirror()
    mirror.accept(JOBS, a_job(uid="u", resource_version="11"), 100)
    mirror.drop(JOBS, NAME, "u")
    assert mirror.keys(JOBS) == ()


def test_notes_of_the_server_are_left_out() -> None:
    noted = at(11)
    noted = replace(noted, metadata=replace(noted.metadata, managed_fields=({"manager": "x"},)))
    scene = Scene(noted)
    assert b"manager" not in scene.mirror.list_texts(SUGGESTIONS)[0].data


def test_what_cannot_be_read_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    with caplog.at_level(logging.ERROR):
        scene.shelf.change(
            ADDED, b'{"metadata":{"name":"bad","resourceVersion":"11"},"spec":{"requests":"many"}}'
        )
    assert "left out: a Suggestion of the API server" in caplog.text
    assert scene.mirror.find(SUGGESTIONS, Key("default", "bad")) is None
    scene.watch(ADDED, at(12))
    assert scene.requests() == 1
