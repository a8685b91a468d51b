"""What a store must keep to whose resources carry its own versions."""

from __future__ import annotations

from katib.api.suggestion import SUGGESTIONS
from katib.ports.resource_store import Event, ResourceStore
from katib.testing.resources import NAME, a_suggestion, asked, given, version_of


class VersionContract:
    """Beside ``StoreContract``, for a store that gives out ``resourceVersion`` itself.

    Where an API server does, a store counts its changes in its own way.
    """

    def test_a_resource_carries_the_version_of_its_write(self, store: ResourceStore) -> None:
        """As does the event that tells of it, and the one of its end."""
        heard: list[Event] = []
        store.subscribe(heard.append)
        one = store.create(SUGGESTIONS, a_suggestion())
        assert version_of(one) == store.version
        two = store.update(SUGGESTIONS, asked(one, 2))
        assert version_of(two) == store.version
        assert version_of(store.update_status(SUGGESTIONS, given(two, 1))) == store.version
        store.delete(SUGGESTIONS, NAME)
        assert [event.metadata.resource_version for event in heard] == [
            str(event.version) for event in heard
        ]
