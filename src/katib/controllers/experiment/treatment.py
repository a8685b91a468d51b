"""In what the engines of one machine and of a cluster treat experiments differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.values import Key
from katib.ports.reconciler import always

#: The shortest time between two status writes that change nothing but counters on one machine, in
#: seconds.
WRITE_EVERY = 0.1

#: Does the same for each of several assignments, and returns when that is done for all.
ForEach = Callable[[Callable[[TrialAssignment], None], Sequence[TrialAssignment]], None]


def one_by_one(act: Callable[[TrialAssignment], None], given: Sequence[TrialAssignment]) -> None:
    """In their order, in this thread."""
    for one in given:
        act(one)


def _as_it_is(experiment: Experiment) -> Experiment:
    """What has come through the door needs no second look."""
    return experiment


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an engine treats experiments.

    Attributes:
        is_wanted: whether an experiment may start trials now; others are only counted.
        write_every: the shortest time between two status writes that change nothing but counters,
            and what is waited for as a matter of course, in seconds.
        gathering: how long such a change waits for others to be written with it, in seconds.
        admit: the legal experiment with its defaults, of one that nobody may have looked at; an
            ``AdmissionError`` says that it is not legal, a ``ConfigurationError`` that this cannot
            be known yet. Called before anything is done for it.
        for_each: makes trials; where a write takes its time, several at once.
    """

    is_wanted: Callable[[Key], bool] = always
    write_every: float = WRITE_EVERY
    gathering: float = 0.0
    admit: Callable[[Experiment], Experiment] = _as_it_is
    for_each: ForEach = one_by_one
