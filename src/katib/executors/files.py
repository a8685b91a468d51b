"""Run directories of trials that are gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from katib.api.trial import TRIALS
from katib.api.values import Key, Kind
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore


class TrialFilesReconciler:
    """Removes a deleted trial's logs; those of finished trials stay.

    Args:
        store: where trials are.
        trials: the folder of all run directories.
    """

    name = "trial-files"
    kinds: tuple[Kind[Any], ...] = (TRIALS,)

    def __init__(self, store: ResourceStore, trials: Path) -> None:
        self._store, self._trials = store, trials

    def keys(self, event: Event) -> Iterable[Key]:
        if event.type is EventType.DELETED:
            yield event.key

    def reconcile(self, key: Key) -> Result:
        if self._store.find(TRIALS, key) is None:
            shutil.rmtree(self._trials / key.namespace / key.name, ignore_errors=True)
        return DONE
