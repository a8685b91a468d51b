"""In what the engines of one machine and of a cluster run trials differently."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from katib.api.trial import Trial
from katib.api.values import Key, Kind, Unstructured
from katib.controllers.trial.runs import Prepare, as_written
from katib.ports.reconciler import always

#: How often a run that goes on is asked whether it waits for something, in seconds.
WAITS_EVERY = 30.0


#: Takes what a trial's run itself holds of metrics into the observation log; why the trial is to be
#: stopped early, empty while it goes on.
Collect = Callable[[Trial, Unstructured], str]


def by_others(trial: Trial, run: Unstructured) -> str:
    """Metrics are read from a run's pods alone."""
    return ""


@dataclass(frozen=True, slots=True)
class Runnable:
    """What an engine may run.

    Attributes:
        kinds: the kinds that it runs; empty when any kind is run, as in a cluster.
        is_wanted: whether trials of an experiment may start now.
        prepare: what runs are given before they are made.
        hurried: those of the kinds whose runs may end at once: that a trial of theirs has begun is
            written after a moment, with its end perhaps, and no event tells of it.
        looks_within: how rarely a run that goes on may be asked whether it waits for something, in
            seconds; the longer it has gone on, the more rarely.
        collect: asked of every run before it is judged.
    """

    kinds: Collection[Kind[Any]] = ()
    is_wanted: Callable[[Key], bool] = always
    prepare: Prepare = as_written
    hurried: Collection[Kind[Any]] = ()
    looks_within: float = WAITS_EVERY
    collect: Collect = by_others
