"""The trials of one experiment, as its algorithm may see them."""

from __future__ import annotations

from collections.abc import Sequence

from katib.api import names
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key
from katib.ports.resource_store import ResourceStore, Selector


class StoredHistory:
    """A :class:`~katib.ports.suggester.TrialHistory` over the resource store.

    Args:
        store: where the trials are.
        experiment: whose trials; of its namespace only.
    """

    def __init__(self, store: ResourceStore, experiment: Key) -> None:
        self._store, self._experiment = store, experiment

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        """See the port."""
        newest = self._store.version
        namespace, name = self._experiment
        where = Selector(namespace, {names.LABEL_EXPERIMENT: name}, since=version)
        trials = self._store.list(TRIALS, where)
        return trials, newest
