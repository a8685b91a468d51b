from __future__ import annotations

import math
from itertools import permutations

import msgspec
import pytest

from katib.api import names
from katib.api.experiment import Experiment, Metric, Observation
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, NameValue, Strings
from katib.search.history import History, Outcome, losses_of, points_of
from katib.search.space import SearchSpace
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

SPACE = an_experiment().with_parameter("lr", min="0", max="1").build()
UPWARDS = (
    an_experiment().with_parameter("lr", min="0", max="1").with_objective(type="maximize").build()
)


def running(name: str = "a", lr: str = "0.5", experiment: Experiment = SPACE) -> Trial:
    values = (NameValue(name="lr", value=lr),)
    return a_running_trial(experiment, name, TrialAssignment(parameter_assignments=values))


def ended(trial: Trial, condition: str, metric: Metric | None = None) -> Trial:
    """The trial as it is when that condition is its last."""
    status = msgspec.structs.replace(
        trial.status,
        conditions=(*trial.status.conditions, Condition(type=condition, status="True")),
        observation=None if metric is None else Observation(metrics=(metric,)),
    )
    return msgspec.structs.replace(trial, status=status)


def history(*trials: Trial, experiment: Experiment = SPACE) -> History:
    told = History(experiment, SearchSpace.of(experiment))
    told.tell(trials)
    return told


LOSS = Metric(name="loss", min="0.2", max="0.9", latest="0.4")

OUTCOMES: dict[str, tuple[Trial, Outcome, float]] = {
    "one that runs is pending": (running(), Outcome.PENDING, math.nan),
    "one that succeeded has its metric's smallest value": (
        ended(running(), names.SUCCEEDED, LOSS),
        Outcome.FINISHED,
        0.2,
    ),
    "text for an extreme gives way to the latest value": (
        ended(running(), names.SUCCEEDED, Metric(name="loss", min="unavailable", latest="0.4")),
        Outcome.FINISHED,
        0.4,
    ),
    "a number that is none is a failure": (
        a_succeeded_trial(running(), "nan"),
        Outcome.FAILED,
        math.nan,
    ),
    "an infinite one too": (a_succeeded_trial(running(), "-inf"), Outcome.FAILED, math.nan),
    "a word too": (a_succeeded_trial(running(), "good"), Outcome.FAILED, math.nan),
    "success without the metric too": (
        ended(running(), names.SUCCEEDED, Metric(name="other", min="1", latest="1")),
        Outcome.FAILED,
        math.nan,
    ),
    "one that failed after reporting has no loss": (
        ended(running(), names.FAILED, LOSS),
        Outcome.FAILED,
        math.nan,
    ),
    "a killed one failed": (ended(running(), names.KILLED, LOSS), Outcome.FAILED, math.nan),
    "one without metrics failed": (
        ended(running(), names.METRICS_UNAVAILABLE),
        Outcome.FAILED,
        math.nan,
    ),
    "one stopped early has the value it stopped with": (
        ended(running(), names.EARLY_STOPPED, LOSS),
        Outcome.STOPPED,
        0.2,
    ),
    "one stopped early whose metrics are to come is pending": (
        ended(running(), names.EARLY_STOPPED),
        Outcome.PENDING,
        math.nan,
    ),
}


PENALISED = (
    an_experiment().with_parameter("lr", min="0", max="1").with_non_finite(names.PENALISE).build()
)


@pytest.mark.parametrize("condition", [names.SUCCEEDED, names.EARLY_STOPPED])
@pytest.mark.parametrize("value", ["nan", "-inf", "1e400"])
def test_what_is_not_finite_is_penalised(condition: str, value: str) -> None:
    trial = ended(running(), condition, Metric(name="loss", min=value, max=value, latest=value))
    (past,) = history(trial, experiment=PENALISED).trials
    assert (past.outcome, past.loss) == (Outcome.PENALISED, math.inf)


@pytest.mark.parametrize("value", ["good", "unavailable", ""])
def test_what_is_no_number_is_not_penalised_but_failed(value: str) -> None:
    (past,) = history(a_succeeded_trial(running(), value), experiment=PENALISED).trials
    assert past.outcome is Outcome.FAILED
    dead = ended(running(), names.FAILED, Metric(name="loss", min="nan", max="nan", latest="nan"))
    (past,) = history(dead, experiment=PENALISED).trials
    assert past.outcome is Outcome.FAILED


def test_a_penalty_is_worse_than_every_loss_and_finite() -> None:
    bad = Metric(name="loss", min="7", max="7", latest="7")
    told = history(
        a_succeeded_trial(running("a"), "1"),
        ended(running("b"), names.EARLY_STOPPED, bad),
        a_succeeded_trial(running("c"), "nan"),
        a_succeeded_trial(running("d"), "inf"),
        ended(running("e"), names.FAILED),
        experiment=PENALISED,
    )
    assert losses_of(told.trials).tolist() == [1, 7, 13, 13, 13]
    ranked = sorted(told.trials, key=lambda trial: trial.rank)
    assert [trial.name for trial in ranked] == ["a", "b", "c", "d", "e"]
    assert losses_of(told.of(Outcome.PENALISED)).tolist() == [1, 1]


@pytest.mark.parametrize("case", OUTCOMES)
def test_what_a_trial_has_come_to(case: str) -> None:
    trial, outcome, loss = OUTCOMES[case]
    (past,) = history(trial).trials
    assert past.outcome is outcome
    assert past.loss == loss or (math.isnan(loss) and math.isnan(past.loss))


def test_a_loss_is_small_when_the_objective_is_good() -> None:
    trial = a_succeeded_trial(running(experiment=UPWARDS), "0.8")
    (past,) = history(trial, experiment=UPWARDS).trials
    assert past.loss == -0.8


def test_any_order_and_any_batches_come_to_the_same() -> None:
    done = a_succeeded_trial(running("b", "0.25"), "1")
    trials = [running("c", "0.75"), done, running("a", "0.5")]
    all_at_once = history(*trials).trials
    assert [trial.name for trial in all_at_once] == ["a", "b", "c"]
    for order in permutations(trials):
        one_by_one = history()
        one_by_one.tell([running("b", "0.25")])
        for trial in order:
            one_by_one.tell([trial])
            assert trial.metadata.name in {past.name for past in one_by_one.trials}
        assert one_by_one.of(Outcome.FINISHED) == (all_at_once[1],)
        assert [past.units for past in one_by_one.trials] == [past.units for past in all_at_once]


def test_a_trial_of_another_space_is_no_evidence() -> None:
    other = an_experiment().with_parameter("n", names.INT, min="1", max="2").build()
    values = (NameValue(name="n", value="1"),)
    stranger = a_running_trial(other, "z", TrialAssignment(parameter_assignments=values))
    assert history(stranger, running("a", "far")).trials == ()


def test_points_and_labels_are_kept() -> None:
    assignment = TrialAssignment(
        parameter_assignments=(
            NameValue(name="other", value="1"),
            NameValue(name="lr", value="0.25"),
        ),
        labels=Strings({"generation": "3"}),
    )
    told = history(a_running_trial(SPACE, "a", assignment))
    (past,) = told.trials
    assert past.labels["generation"] == "3"
    assert told.points() == {("0.25",)}
    assert points_of(told.trials, SearchSpace.of(SPACE)).tolist() == [[0.25]]


def test_without_trials_the_arrays_are_empty() -> None:
    assert points_of((), SearchSpace.of(SPACE)).shape == (0, 1)
    assert losses_of(()).shape == (0,)


def test_no_failure_and_no_early_stop_looks_good() -> None:
    best = Metric(name="loss", min="-5", max="-5", latest="-5")
    worst = Metric(name="loss", min="7", max="7", latest="7")
    told = history(
        a_succeeded_trial(running("a"), "1"),
        a_succeeded_trial(running("b"), "2"),
        ended(running("c"), names.EARLY_STOPPED, best),
        ended(running("d"), names.EARLY_STOPPED, worst),
        ended(running("e"), names.FAILED),
        running("f"),
    )
    assert losses_of(told.trials).tolist() == [1, 2, 2, 7, 7, 7]
    assert losses_of(told.of(Outcome.FAILED, Outcome.PENDING)).tolist() == [0, 0]
    ranked = sorted(
        told.of(Outcome.FINISHED, Outcome.STOPPED, Outcome.FAILED), key=lambda t: t.rank
    )
    assert [trial.name for trial in ranked] == ["a", "b", "c", "d", "e"]
