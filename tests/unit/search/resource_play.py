"""Whole searches that give configurations more and more of a resource, played to their ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

import msgspec

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, Strings
from katib.search.algorithm import Algorithm
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)

Judge = Callable[[TrialAssignment, Trial], Trial]


def tuned(algorithm: str, **settings: str) -> ExperimentBuilder:
    """An experiment of ``lr``, whose resource is the number of epochs, up to 9."""
    given = {"r_l": "9", "resource_name": "epochs", **settings}
    builder = an_experiment().with_algorithm(algorithm, **given)
    builder.with_parameter("lr", min="0", max="1")
    return builder.with_parameter("epochs", names.INT, min="1", max="100")


def value(assignment: TrialAssignment, name: str) -> str:
    return next(pair.value for pair in assignment.parameter_assignments if pair.name == name)


def label(assignment: TrialAssignment, word: str) -> str | None:
    """The label that ends so, whatever the algorithm."""
    labels: Mapping[str, str] = Strings() if assignment.labels is None else assignment.labels
    found = [text for name, text in labels.items() if name.endswith(f".suggestion/{word}")]
    return found[0] if found else None


def place(assignment: TrialAssignment) -> tuple[str | None, str | None]:
    return label(assignment, "bracket"), label(assignment, "rung")


def failed(trial: Trial) -> Trial:
    conditions = (*trial.status.conditions, Condition(type=names.FAILED, status="True"))
    status = msgspec.structs.replace(trial.status, conditions=conditions)
    return msgspec.structs.replace(trial, status=status)


def by_lr(assignment: TrialAssignment, trial: Trial) -> Trial:
    return a_succeeded_trial(trial, value(assignment, "lr"))


def play(
    algorithm: type[Algorithm], experiment: Experiment, batch: int, judge: Judge = by_lr
) -> tuple[list[TrialAssignment], list[Trial]]:
    """The whole experiment, so many trials at a time; every object answers one question."""
    given: list[TrialAssignment] = []
    trials: list[Trial] = []
    for _ in range(1000):
        search = algorithm(experiment, 1)
        search.tell(trials)
        reply = search.suggest(len(given), batch)
        for assignment in reply.assignments:
            trial = a_running_trial(experiment, f"trial-{len(given)}", assignment)
            given.append(assignment)
            trials.append(judge(assignment, trial))
        if reply.is_exhausted:
            return given, trials
        assert reply.assignments, "it waits though every trial has ended"
    raise AssertionError("no end")


def play_in_parallel(
    algorithm: type[Algorithm],
    experiment: Experiment,
    slots: int,
    most: int,
    judge: Judge = by_lr,
) -> Sequence[TrialAssignment]:
    """Up to ``most`` trials, so many at a time, which end in a random order, by a kept object."""
    random, search = Random(0), algorithm(experiment, 1)
    given: list[TrialAssignment] = []
    running: list[Trial] = []
    while len(given) < most:
        reply = search.suggest(len(given), min(slots - len(running), most - len(given)))
        for assignment in reply.assignments:
            running.append(a_running_trial(experiment, f"trial-{len(given)}", assignment))
            given.append(assignment)
        search.tell(running)
        if not running:
            assert reply.is_exhausted, "it waits though every trial has ended"
            break
        trial = running.pop(random.randrange(len(running)))
        search.tell([judge(given[int(trial.metadata.name.removeprefix("trial-"))], trial)])
    return given
