"""Checkpoints of trials: a folder for each, which may begin as a copy of another's."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """The checkpoints of one trial.

    Attributes:
        path: where they are.
        parent: the folder that they begin as a copy of, if any.
    """

    path: Path
    parent: Path | None = None

    def make(self) -> None:
        """Make it, unless it is there: an earlier pod of the trial may have left something in it.

        Raises:
            OSError: the parent's folder is gone, or the disk refuses.
        """
        if self.path.exists():
            return
        if self.parent is None:
            self.path.mkdir(parents=True, exist_ok=True)
            return
        if not self.parent.is_dir():
            raise FileNotFoundError(
                f'it goes on from the checkpoints of trial "{self.parent.name}", and found no '
                f"folder {self.parent}; only a trial without that parent can start"
            )
        # Renamed when it is whole: an engine that dies meanwhile leaves nothing that looks like it.
        # No trial's name begins with a dot.
        partial = self.path.with_name(f".{self.path.name}")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.parent, partial, symlinks=True)
        os.rename(partial, self.path)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where the checkpoints of all trials are: ``<root>/<namespace>/<experiment>/<trial>``."""

    root: Path

    @classmethod
    def beside(cls, trials: Path) -> Checkpoints:
        """Beside the folder of all trials' files."""
        return cls(trials.parent / "checkpoints")

    def folder(self, experiment: Key, trial: str, parent: str = "") -> CheckpointFolder:
        """The folder of one trial.

        Args:
            experiment: whose trial.
            trial: its name.
            parent: the name of the trial that it goes on from; empty for none.
        """
        own = self.of(experiment)
        return CheckpointFolder(own / trial, own / parent if parent else None)

    def of(self, experiment: Key) -> Path:
        """The folder of all checkpoints of an experiment."""
        return self.root / experiment.namespace / experiment.name

    def of_trial(self, trial: Key) -> Iterable[Path]:
        """The folders of trials of that name, whatever their experiments."""
        return (self.root / trial.namespace).glob(f"*/{glob.escape(trial.name)}")


class CheckpointsReconciler:
    """Removes the checkpoints of deleted experiments and trials.

    A deleted trial may run again under its name, and then begins again with its parent's.

    Args:
        store: where experiments and trials are.
        checkpoints: where their trials' checkpoints are.
    """

    name = "checkpoints"
    kinds: tuple[Kind[Any], ...] = (EXPERIMENTS, TRIALS)

    def __init__(self, store: ResourceStore, checkpoints: Checkpoints) -> None:
        self._store, self._checkpoints = store, checkpoints

    def keys(self, event: Event) -> Iterable[Key]:
        if event.type is EventType.DELETED:
            yield event.key

    def reconcile(self, key: Key) -> Result:
        # The key does not say of which kind: what neither kind has is gone, whichever it was.
        gone: list[Path] = []
        if self._store.find(EXPERIMENTS, key) is None:
            gone.append(self._checkpoints.of(key))
        if self._store.find(TRIALS, key) is None:
            gone += self._checkpoints.of_trial(key)
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        return DONE
