"""What every resource store must keep to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import decode, encode, with_status
from katib.api.kinds import JOBS, PODS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, Trial, TrialStatus
from katib.api.values import Key, Kind, Resource, Strings, Unstructured
from katib.errors import AlreadyExistsError, ConflictError, NotFoundError
from katib.ports.resource_store import Event, ResourceStore, Selector
from katib.testing.resources import (
    NAME,
    a_job,
    a_suggestion,
    asked,
    given,
    metadata,
    names_of,
    owned_by,
    version_of,
)
from katib.testing.watch_contract import WatchContract

R = TypeVar("R", bound=Resource)


class StoreContract(WatchContract):
    """Inherit, and give a fixture ``store`` that returns an empty store."""

    def test_a_new_resource_is_given_its_identity(self, store: ResourceStore) -> None:
        """And what a caller says about it is not believed."""
        claimed = a_suggestion(uid="mine", generation=9, resource_version="77")
        made = store.create(SUGGESTIONS, claimed)
        assert made.metadata.uid not in ("", "mine")
        assert made.metadata.generation == 1
        assert made.metadata.creation_timestamp is not None
        assert made.metadata.resource_version not in ("", "77")
        assert store.get(SUGGESTIONS, NAME) == made

    def test_a_resource_is_created_with_its_status(self, store: ResourceStore) -> None:
        """As when it is copied from elsewhere."""
        store.create(SUGGESTIONS, given(a_suggestion(), 3))
        assert store.get(SUGGESTIONS, NAME).status.suggestion_count == 3

    def test_a_name_is_completed(self, store: ResourceStore) -> None:
        """By five characters, differently each time."""
        nameless = a_suggestion("", generate_name="job-")
        made = [store.create(SUGGESTIONS, nameless).metadata.name for _ in range(20)]
        assert len(set(made)) == 20
        assert {(name[:4], len(name)) for name in made} == {("job-", 9)}
        assert store.get(SUGGESTIONS, Key("default", made[0])).metadata.name == made[0]

    def test_a_taken_name_is_refused(self, store: ResourceStore) -> None:
        """In its namespace and kind only; what is there stays."""
        store.create(SUGGESTIONS, a_suggestion(requests=1))
        with pytest.raises(AlreadyExistsError, match='Suggestion "one" already exists'):
            store.create(SUGGESTIONS, a_suggestion(requests=2))
        assert store.get(SUGGESTIONS, NAME).spec.requests == 1
        store.create(SUGGESTIONS, a_suggestion(namespace="other"))
        store.create(TRIALS, Trial(metadata=metadata()))

    def test_a_missing_resource(self, store: ResourceStore) -> None:
        """Is ``None`` for who looks, and an error for who relies on it."""
        store.create(SUGGESTIONS, a_suggestion("once"))
        assert store.find(SUGGESTIONS, NAME) is None
        with pytest.raises(NotFoundError, match=r'Suggestion "one" not found.*"once"'):
            store.get(SUGGESTIONS, NAME)
        for act in (store.update, store.update_status):
            with pytest.raises(NotFoundError):
                act(SUGGESTIONS, a_suggestion())
        with pytest.raises(NotFoundError):
            store.delete(SUGGESTIONS, NAME)

    def test_every_write_has_a_larger_version(self, store: ResourceStore) -> None:
        """Over all kinds, deletions included, in the store and in the resources."""
        seen = [store.version]
        assert seen == [0]
        one = store.create(SUGGESTIONS, a_suggestion())
        seen.append(store.version)
        two = store.create(JOBS, a_job())
        seen.append(store.version)
        three = store.update(SUGGESTIONS, asked(one, 2))
        seen.append(store.version)
        four = store.update_status(JOBS, with_status(two, {"active": 2}))
        seen.append(store.version)
        store.delete(JOBS, NAME)
        seen.append(store.version)
        assert seen == sorted(set(seen))
        found = [version_of(each) for each in (one, two, three, four)]
        assert found == sorted(set(found))

    def test_a_write_over_another_is_a_conflict(self, store: ResourceStore) -> None:
        """For the spec and for the status; no version asks for no check."""
        read = store.create(SUGGESTIONS, a_suggestion())
        stored = store.update(SUGGESTIONS, asked(read, 2))
        words = f"read at version {version_of(read)} and is now at {version_of(stored)}"
        with pytest.raises(ConflictError, match=words):
            store.update(SUGGESTIONS, asked(read, 3))
        with pytest.raises(ConflictError):
            store.update_status(SUGGESTIONS, given(read, 3))
        blind = replace(read, metadata=replace(read.metadata, resource_version=""))
        assert store.update(SUGGESTIONS, asked(blind, 4)).spec.requests == 4
        assert store.update_status(SUGGESTIONS, given(blind, 4)).status.suggestion_count == 4

    def test_a_write_that_changes_nothing_writes_nothing(self, store: ResourceStore) -> None:
        """It returns what is stored, and nobody hears of it."""
        one, job = store.create(SUGGESTIONS, a_suggestion()), store.create(JOBS, a_job())
        before = store.version
        heard: list[Event] = []
        store.subscribe(heard.append)
        assert store.update(SUGGESTIONS, one) == one
        assert store.update_status(SUGGESTIONS, given(one, 0)) == one
        assert store.update(JOBS, store.get(JOBS, NAME)) == job
        assert store.update_status(JOBS, with_status(job, {"active": 1})) == job
        assert (store.version, heard) == (before, [])

    def test_update_leaves_the_status_alone(self, store: ResourceStore) -> None:
        """Whatever status it is given."""
        one = store.create(SUGGESTIONS, given(a_suggestion(), 1))
        assert store.update(SUGGESTIONS, given(asked(one, 5), 9)).status.suggestion_count == 1
        job = store.create(JOBS, a_job())
        body = {"spec": {"words": ["false"]}, "status": {"failed": 1}}
        changed = store.update(JOBS, replace(job, body=body))
        assert changed.body == {"spec": {"words": ["false"]}, "status": {"active": 1}}
        assert store.get(JOBS, NAME).body == changed.body

    def test_update_status_leaves_all_else_alone(self, store: ResourceStore) -> None:
        """Spec, labels, finalizers."""
        one = store.create(SUGGESTIONS, a_suggestion(labels=Strings(a="1")))
        other = replace(given(asked(one, 9), 2), metadata=replace(one.metadata, labels=None))
        changed = store.update_status(SUGGESTIONS, other)
        assert (changed.spec.requests, changed.status.suggestion_count) == (1, 2)
        assert changed.metadata.label("a") == "1"
        job = store.create(JOBS, a_job())
        changed_job = store.update_status(JOBS, replace(job, body={"status": {"failed": 1}}))
        assert changed_job.body == {"spec": {"words": ["true"]}, "status": {"failed": 1}}

    def test_the_generation_counts_what_was_wanted(self, store: ResourceStore) -> None:
        """A change of the spec counts; one of the status or of metadata does not."""
        one = store.create(SUGGESTIONS, a_suggestion())
        two = store.update(SUGGESTIONS, asked(one, 2))
        three = store.update_status(SUGGESTIONS, given(two, 1))
        labelled = replace(three.metadata, labels=Strings(a="1"), generation=50)
        four = store.update(SUGGESTIONS, replace(three, metadata=labelled))
        assert [each.metadata.generation for each in (one, two, three, four)] == [1, 2, 2, 2]
        assert four.metadata.label("a") == "1"

    def test_identity_does_not_change(self, store: ResourceStore) -> None:
        """``uid`` and creation time are not the writer's."""
        one = store.create(SUGGESTIONS, a_suggestion())
        forged = replace(one.metadata, uid="forged", creation_timestamp=None)
        two = store.update(SUGGESTIONS, replace(asked(one, 2), metadata=forged))
        assert two.metadata.uid == one.metadata.uid
        assert two.metadata.creation_timestamp == one.metadata.creation_timestamp

    def test_a_list_is_of_its_kind_in_the_order_of_writing(self, store: ResourceStore) -> None:
        """The least recently written first."""
        for name in ("a", "b", "c"):
            store.create(SUGGESTIONS, a_suggestion(name))
            store.create(JOBS, a_job(name))
        store.update(SUGGESTIONS, asked(store.get(SUGGESTIONS, Key("default", "a")), 2))
        assert names_of(store.list(SUGGESTIONS)) == ["b", "c", "a"]
        assert names_of(store.list(PODS)) == []

    def test_a_selector_chooses(self, store: ResourceStore) -> None:
        """By namespace, labels, owner and time of writing, and by all of them at once."""
        owner = store.create(SUGGESTIONS, a_suggestion("owner"))
        uid = owner.metadata.uid
        mine = owned_by(owner)
        red, tall = Strings(colour="red"), Strings(colour="red", size="tall")
        store.create(JOBS, a_job("a", labels=red))
        store.create(JOBS, a_job("b", labels=tall, owner_references=mine))
        second = store.version
        store.create(JOBS, a_job("c", labels=tall, namespace="other"))
        store.create(JOBS, a_job("d", owner_references=mine))
        table: dict[str, tuple[Selector, list[str]]] = {
            "namespace": (Selector("default"), ["a", "b", "d"]),
            "one label": (Selector(labels={"colour": "red"}), ["a", "b", "c"]),
            "two labels": (Selector(labels={"colour": "red", "size": "tall"}), ["b", "c"]),
            "another value": (Selector(labels={"colour": "blue"}), []),
            "no labels asked": (Selector(labels={}), ["a", "b", "c", "d"]),
            "owner": (Selector(owner=uid), ["b", "d"]),
            "unknown owner": (Selector(owner="nobody"), []),
            "since": (Selector(since=second), ["c", "d"]),
            "since now": (Selector(since=store.version), []),
            "owner and label": (Selector(labels={"size": "tall"}, owner=uid), ["b"]),
            "owner and since": (Selector(owner=uid, since=second), ["d"]),
            "all": (Selector("default", {"size": "tall"}, uid, second - 1), ["b"]),
        }
        for case, (where, expected) in table.items():
            assert names_of(store.list(JOBS, where)) == expected, case
            assert [text.key.name for text in store.list_texts(JOBS, where)] == expected, case

    def test_texts_are_those_of_the_resources(self, store: ResourceStore) -> None:
        """Of kinds of ours and of others, whether they were written, changed or read before."""
        one = store.create(SUGGESTIONS, a_suggestion("a"))
        store.create(SUGGESTIONS, a_suggestion("b"))
        store.update(SUGGESTIONS, asked(one, 2))
        store.update_status(JOBS, with_status(store.create(JOBS, a_job()), {"active": 2}))
        for _ in range(2):
            kinds: Sequence[Kind[Any]] = (SUGGESTIONS, JOBS)
            for kind in kinds:
                resources, texts = store.list(kind), store.list_texts(kind)
                assert [decode(kind, text.data) for text in texts] == list(resources)
                found = [(text.key, text.metadata) for text in texts]
                assert found == [(resource.key, resource.metadata) for resource in resources]
            store.flush()

    def test_an_event_tells_the_size_of_its_resource(self, store: ResourceStore) -> None:
        """Exactly where a store keeps texts; else what it was when one was made."""
        heard: list[Event] = []
        store.subscribe(heard.append)
        job = store.create(JOBS, a_job())
        store.update_status(JOBS, with_status(job, {"message": "x" * 1000}))
        one = store.create(SUGGESTIONS, a_suggestion())
        store.flush()
        store.update(SUGGESTIONS, asked(one, 2))
        store.delete(SUGGESTIONS, NAME)
        sizes = [len(encode(event.resource)) for event in heard]
        assert [event.size for event in heard[:2]] == sizes[:2]
        assert all(
            0 < event.size < 2 * size for event, size in zip(heard[3:], sizes[3:], strict=True)
        )

    def test_since_follows_the_writes(self, store: ResourceStore) -> None:
        """A resource that is written again is new again; a deleted one is gone."""
        made = [store.create(SUGGESTIONS, a_suggestion(name)) for name in "abcd"]
        seen = store.version
        store.update_status(SUGGESTIONS, given(made[2], 1))
        store.update(SUGGESTIONS, asked(made[0], 2))
        store.create(SUGGESTIONS, a_suggestion("e"))
        store.delete(SUGGESTIONS, Key("default", "e"))
        assert names_of(store.list(SUGGESTIONS, Selector(since=seen))) == ["c", "a"]

    def test_a_given_body_is_not_shared(self, store: ResourceStore) -> None:
        """The writer may go on with its own."""
        job = a_job()
        made = store.create(JOBS, job)
        job.body["spec"]["words"].append("given at creation")
        made.body["spec"]["words"].append("returned by creation")
        assert store.get(JOBS, NAME).spec == {"words": ["true"]}
        read = store.get(JOBS, NAME)
        read.body["spec"]["words"][0] = "false"
        changed = store.update(JOBS, read)
        read.body["spec"]["words"].append("given to update")
        changed.body["spec"]["words"].append("returned by update")
        assert store.get(JOBS, NAME).spec == {"words": ["false"]}
        status: dict[str, Any] = {"pods": ["a"]}
        store.update_status(JOBS, with_status(store.get(JOBS, NAME), status))
        status["pods"].append("given to update_status")
        assert store.get(JOBS, NAME).status == {"pods": ["a"]}

    def test_a_returned_body_is_not_shared(self, store: ResourceStore) -> None:
        """By get, find, list and events, of what is there and of what is gone."""
        heard: list[Event] = []
        store.subscribe(heard.append)
        store.create(JOBS, a_job())
        readers = (
            lambda: store.get(JOBS, NAME),
            lambda: store.find(JOBS, NAME),
            lambda: store.list(JOBS)[0],
            lambda: heard[-1].resource,
        )
        for read in readers:
            _spoil(read())
            assert [_words(again()) for again in readers] == [["true"]] * 4
        store.delete(JOBS, NAME)
        _spoil(heard[-1].resource)
        assert _words(heard[-1].resource) == ["true"]

    def test_labels_are_frozen(self, store: ResourceStore) -> None:
        """So they can be shared."""
        store.create(JOBS, a_job(labels=Strings(a="1")))
        labels = store.get(JOBS, NAME).metadata.labels
        assert labels is not None
        with pytest.raises(TypeError, match="resources are values"):
            labels["a"] = "2"

    def test_flushing_changes_nothing_that_is_read(self, store: ResourceStore) -> None:
        """Whatever waits to be written can be read before."""
        made = store.create(SUGGESTIONS, a_suggestion())
        version = store.version
        assert store.get(SUGGESTIONS, NAME) == made
        store.flush()
        store.flush()
        assert store.get(SUGGESTIONS, NAME) == made
        assert store.version == version

    def test_a_trial_comes_back_as_it_was(self, store: ResourceStore) -> None:
        """After many others were used in between, too."""
        status = TrialStatus(completion_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        first = store.create(TRIALS, Trial(metadata=metadata("first"), status=status))
        for number in range(1_100):
            store.create(TRIALS, Trial(metadata=metadata(f"trial-{number}")))
        found = store.get(TRIALS, first.key)
        assert found == first
        assert len(store.list(TRIALS)) == 1_101
        assert not found.has(names.RUNNING)


def _words(resource: Resource | None) -> list[str]:
    assert isinstance(resource, Unstructured)
    words: list[str] = resource.spec["words"]
    return words


def _spoil(resource: Resource | None) -> None:
    _words(resource).append("spoilt")
