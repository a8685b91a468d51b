"""Run directories of trials that are gone, and of runs and pods that belonged to none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from katib.api import names
from katib.api.kinds import FUNCTION_CALLS, JOBS, PODS, TRAIN_JOBS
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind, Unstructured
from katib.executors.runtimes import LABEL_JOB_SET
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore, Selector


class TrialFilesReconciler:
    """Removes logs when nothing is left whose they are; those of what has finished stay.

    A trial and its run share a folder; a run or a pod by itself has its own.

    Args:
        store: where trials, runs and pods are.
        trials: the folder of all run directories.
        place: the beginning of the names of a pod's files.
    """

    name = "trial-files"
    kinds: tuple[Kind[Any], ...] = (TRIALS, JOBS, TRAIN_JOBS, PODS, FUNCTION_CALLS)
    _holders: tuple[Kind[Any], ...] = (TRIALS, JOBS, TRAIN_JOBS, FUNCTION_CALLS)

    def __init__(
        self, store: ResourceStore, trials: Path, place: Callable[[Unstructured], str]
    ) -> None:
        self._store, self._trials, self._place = store, trials, place

    def keys(self, event: Event) -> Iterable[Key]:
        if event.type is not EventType.DELETED:
            return
        owner = event.metadata.controller
        has_folder = event.kind is TRIALS or owner is None or owner.kind == TRIALS.name
        # Most runs and pods go while their trial stays.
        if has_folder and self._store.find(TRIALS, event.key) is None:
            yield event.key

    def reconcile(self, key: Key) -> Result:
        if any(self._store.find(kind, key) for kind in self._holders):
            return DONE
        folder = self._trials / key.namespace / key.name
        places = [Path(self._place(pod)) for pod in self._pods(key)]
        used = tuple(place.name for place in places if place.parent == folder)
        if not used:
            shutil.rmtree(folder, ignore_errors=True)
            return DONE
        for path in folder.glob("*"):
            if not path.name.startswith(used):
                _remove(path)
        return DONE

    def _pods(self, key: Key) -> Iterable[Unstructured]:
        """The pods whose files may be in the folder: the one of that name, and those of a run."""
        pod = self._store.find(PODS, key)
        if pod is not None:
            yield pod
        for label in (names.LABEL_JOB, LABEL_JOB_SET):
            yield from self._store.list(PODS, Selector(key.namespace, {label: key.name}))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
