from __future__ import annotations

import math
import sys

from hypothesis import given
from hypothesis import strategies as st

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.search.penalty import penalty_of, with_penalties
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

LARGEST = sys.float_info.max


@given(st.lists(st.floats(-1e300, 1e300, allow_nan=False), max_size=9))
def test_a_penalty_is_finite_and_worse_than_all(losses: list[float]) -> None:
    penalty = penalty_of(losses)
    assert math.isfinite(penalty)
    assert all(penalty > loss for loss in losses)


def test_a_penalty_is_as_far_as_the_losses_are_apart() -> None:
    assert penalty_of([]) == 1
    assert penalty_of([0.0]) == 1
    assert penalty_of([-4.0]) == 0
    assert penalty_of([1.0, 3.0]) == 5
    assert penalty_of([-LARGEST, LARGEST]) == LARGEST


def trials(experiment: Experiment, *values: str) -> list[Trial]:
    return [
        a_succeeded_trial(a_running_trial(experiment, f"t{place}", TrialAssignment()), value)
        for place, value in enumerate(values)
    ]


def values_of(told: list[Trial]) -> list[str]:
    return [
        trial.status.observation.metrics[0].latest for trial in told if trial.status.observation
    ]


def test_texts_of_all_that_is_not_finite_are_replaced() -> None:
    for type, penalty in ((names.MINIMIZE, "5.0"), (names.MAXIMIZE, "-1.0")):
        experiment = an_experiment().with_objective(type=type).with_non_finite("penalise").build()
        objective = experiment.spec.objective
        assert objective is not None
        told = trials(experiment, "1", "nan", "3", "-inf", "a word", "1e400")
        changed = values_of(list(with_penalties(told, objective)))
        assert changed == ["1", penalty, "3", penalty, "a word", penalty]


def test_other_policies_change_nothing() -> None:
    for policy in ("", names.FAIL, names.IGNORE):
        experiment = an_experiment().with_non_finite(policy).build()
        objective = experiment.spec.objective
        assert objective is not None
        told = trials(experiment, "1", "nan")
        assert with_penalties(told, objective) is told


def test_a_trial_without_an_observation_stays_as_it_is() -> None:
    experiment = an_experiment().with_non_finite(names.PENALISE).build()
    objective = experiment.spec.objective
    assert objective is not None
    told = [a_running_trial(experiment, "a", TrialAssignment())]
    assert with_penalties(told, objective) == told
