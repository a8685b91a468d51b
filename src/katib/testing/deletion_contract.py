"""What every resource store must keep to when something is deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from katib.api.kinds import CONFIG_MAPS, JOBS, PODS
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.errors import ConflictError
from katib.ports.resource_store import ResourceStore, Selector
from katib.testing.resources import (
    NAME,
    a_config_map,
    a_job,
    a_pod,
    a_suggestion,
    asked,
    names_of,
    owned_by,
)


class DeletionContract:
    """What finalizers hold, and what goes with its owner; inherited by ``StoreContract``."""

    def settle(self, look: Callable[[], object], expected: object) -> None:
        """What a deletion leads to: at once, unless a subclass waits for somebody else's work."""
        assert look() == expected

    def test_deletion_is_at_once_without_finalizers(self, store: ResourceStore) -> None:
        """And the name is free for another resource."""
        old = store.create(SUGGESTIONS, a_suggestion())
        store.delete(SUGGESTIONS, NAME)
        assert store.find(SUGGESTIONS, NAME) is None
        new = store.create(SUGGESTIONS, a_suggestion())
        assert new.metadata.uid != old.metadata.uid
        with pytest.raises(ConflictError):
            store.update(SUGGESTIONS, asked(old, 2))

    def test_finalizers_hold_a_resource(self, store: ResourceStore) -> None:
        """It is marked once, and goes with its last finalizer."""
        store.create(SUGGESTIONS, a_suggestion(finalizers=("x", "y")))
        store.delete(SUGGESTIONS, NAME)
        marked = store.get(SUGGESTIONS, NAME)
        assert marked.metadata.deletion_timestamp is not None
        store.delete(SUGGESTIONS, NAME)
        assert store.get(SUGGESTIONS, NAME) == marked
        less = store.update(SUGGESTIONS, _with_finalizers(marked, "y"))
        assert less.metadata.deletion_timestamp == marked.metadata.deletion_timestamp
        store.update(SUGGESTIONS, _with_finalizers(less))
        assert store.find(SUGGESTIONS, NAME) is None

    def test_losing_finalizers_is_not_deletion(self, store: ResourceStore) -> None:
        """Nobody asked for it; and nobody takes a deletion back."""
        one = store.create(SUGGESTIONS, a_suggestion(finalizers=("x",)))
        two = store.update(SUGGESTIONS, _with_finalizers(one))
        three = store.update(SUGGESTIONS, _with_finalizers(two, "x"))
        store.delete(SUGGESTIONS, NAME)
        blind = replace(three.metadata, resource_version="", deletion_timestamp=None)
        kept = store.update(SUGGESTIONS, replace(asked(three, 7), metadata=blind))
        assert kept.metadata.deletion_timestamp is not None

    def test_a_deletion_may_name_the_one_it_means(self, store: ResourceStore) -> None:
        """Another resource of that name stays."""
        made = store.create(SUGGESTIONS, a_suggestion())
        with pytest.raises(ConflictError):
            store.delete(SUGGESTIONS, NAME, uid="another")
        assert store.find(SUGGESTIONS, NAME) is not None
        store.delete(SUGGESTIONS, NAME, uid=made.metadata.uid)
        assert store.find(SUGGESTIONS, NAME) is None

    def test_what_is_owned_goes_with_its_owner(self, store: ResourceStore) -> None:
        """Over kinds and floors; what is not owned stays."""
        top = store.create(SUGGESTIONS, a_suggestion())
        middle = store.create(JOBS, a_job("middle", owner_references=owned_by(top)))
        store.create(JOBS, a_job("low", owner_references=owned_by(middle)))
        store.create(CONFIG_MAPS, a_config_map("data", owned_by(middle)))
        store.create(JOBS, a_job("stranger"))
        store.delete(SUGGESTIONS, NAME)
        self.settle(lambda: names_of(store.list(JOBS)), ["stranger"])
        self.settle(lambda: names_of(store.list(CONFIG_MAPS)), [])

    def test_a_second_owner_keeps_what_both_own(self, store: ResourceStore) -> None:
        """Until it goes as well."""
        one = store.create(SUGGESTIONS, a_suggestion("one"))
        two = store.create(SUGGESTIONS, a_suggestion("two"))
        store.create(JOBS, a_job("child", owner_references=owned_by(one, two)))
        store.delete(SUGGESTIONS, one.key)
        assert names_of(store.list(JOBS)) == ["child"]
        store.delete(SUGGESTIONS, two.key)
        self.settle(lambda: names_of(store.list(JOBS)), [])

    def test_owners_are_as_they_were_written_last(self, store: ResourceStore) -> None:
        """A resource can be given away."""
        one = store.create(SUGGESTIONS, a_suggestion("one"))
        two = store.create(SUGGESTIONS, a_suggestion("two"))
        child = store.create(JOBS, a_job("child", owner_references=owned_by(one)))
        given_away = replace(child.metadata, owner_references=owned_by(two))
        store.update(JOBS, replace(child, metadata=given_away))
        assert names_of(store.list(JOBS, Selector(owner=one.metadata.uid))) == []
        assert names_of(store.list(JOBS, Selector(owner=two.metadata.uid))) == ["child"]
        store.delete(SUGGESTIONS, one.key)
        assert names_of(store.list(JOBS)) == ["child"]

    def test_finalizers_of_what_is_owned_hold_it(self, store: ResourceStore) -> None:
        """It is marked, keeps what it owns, and then goes with it."""
        owner = store.create(SUGGESTIONS, a_suggestion())
        child = store.create(
            JOBS, a_job("child", finalizers=("x",), owner_references=owned_by(owner))
        )
        store.create(PODS, a_pod("grandchild", owned_by(child)))
        store.delete(SUGGESTIONS, NAME)
        self.settle(lambda: store.get(JOBS, child.key).metadata.deletion_timestamp is None, False)
        marked = store.get(JOBS, child.key)
        assert names_of(store.list(PODS)) == ["grandchild"]
        store.update(JOBS, replace(marked, metadata=replace(marked.metadata, finalizers=())))
        self.settle(lambda: names_of([*store.list(JOBS), *store.list(PODS)]), [])


def _with_finalizers(resource: Suggestion, *finalizers: str) -> Suggestion:
    return replace(resource, metadata=replace(resource.metadata, finalizers=finalizers))
