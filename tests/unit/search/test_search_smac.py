from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from statistics import median

import msgspec
import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.search.algorithms.random import RandomSearch
from katib.search.algorithms.smac import Smac
from katib.testing.algorithm_contract import AlgorithmContract, assert_legal
from katib.testing.builders import (
    CREATED_AT,
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of

Point = Mapping[str, str]
SURROGATES = ("rf", "gp")


class TestSmac(AlgorithmContract):
    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return Smac


def square(count: int = 2, **settings: str) -> ExperimentBuilder:
    builder = an_experiment().with_algorithm("smac", **settings)
    for number in range(count):
        builder.with_parameter(f"x{number}", min="-1", max="1")
    return builder


def training(**settings: str) -> ExperimentBuilder:
    builder = an_experiment().with_algorithm("smac", **settings)
    builder.with_parameter("lr", min="1e-5", max="1", distribution="logUniform")
    builder.with_parameter("layers", names.INT, min="1", max="20")
    return builder.with_parameter("optimizer", names.CATEGORICAL, list=["sgd", "adam", "rmsprop"])


def few(**settings: str) -> ExperimentBuilder:
    """Fifteen points."""
    builder = an_experiment().with_algorithm("smac", **settings)
    builder.with_parameter("n", names.INT, min="1", max="5")
    return builder.with_parameter("c", names.CATEGORICAL, list=["x", "y", "z"])


def sphere(point: Point) -> float:
    return sum((float(value) - 0.3) ** 2 for value in point.values())


def run(point: Point) -> float:
    """Like the loss of a training: best at a rate of 0.003, 7 layers, and adam."""
    layers, miss = int(point["layers"]), math.log10(float(point["lr"])) + 2.5
    penalty = {"adam": 0.0, "rmsprop": 0.3, "sgd": 0.5 + (layers - 3) ** 2 / 50}
    return miss**2 + (layers - 7) ** 2 / 50 + penalty[point["optimizer"]]


def diverging(point: Point) -> float:
    """The same, but where the rate is large the loss is beyond all bounds."""
    return 1e12 if float(point["lr"]) > 0.03 else run(point)


FUNCTIONS: Mapping[str, tuple[Callable[[Point], float], Callable[..., ExperimentBuilder]]] = {
    "a bowl over three parameters": (sphere, lambda **settings: square(3, **settings)),
    "rates, layers and words": (run, training),
    "trainings that diverge": (diverging, training),
}


def point_of(assignment: TrialAssignment) -> Point:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def points_of(assignments: Sequence[TrialAssignment]) -> list[str]:
    return [str(assignment.parameter_assignments) for assignment in assignments]


def ended(experiment: Experiment, number: int, assignment: TrialAssignment, loss: float) -> Trial:
    """At a second of its own."""
    running = a_running_trial(experiment, f"trial-{number:04}", assignment)
    trial = a_succeeded_trial(running, repr(loss))
    end = CREATED_AT + timedelta(seconds=number)
    status = msgspec.structs.replace(trial.status, completion_time=end)
    return msgspec.structs.replace(trial, status=status)


def failed(trial: Trial) -> Trial:
    conditions = (*trial.status.conditions, Condition(type=names.FAILED, status="True"))
    status = msgspec.structs.replace(trial.status, conditions=conditions)
    return msgspec.structs.replace(trial, status=status)


def play(
    search: Algorithm, experiment: Experiment, loss: Callable[[Point], float], count: int
) -> tuple[list[TrialAssignment], list[Trial]]:
    """So many trials, one at a time."""
    given: list[TrialAssignment] = []
    trials: list[Trial] = []
    for index in range(count):
        (assignment,) = search.suggest(index, 1).assignments
        given.append(assignment)
        trials.append(ended(experiment, index, assignment, loss(point_of(assignment))))
        search.tell(trials[-1:])
    return given, trials


def told(experiment: Experiment, losses: Sequence[float]) -> Smac:
    """One that knows random trials with these losses."""
    search = Smac(experiment, 1)
    drawn = RandomSearch(experiment, 1).suggest(0, len(losses)).assignments
    search.tell([ended(experiment, n, one, losses[n]) for n, one in enumerate(drawn)])
    return search


# Quality


def regret(
    search: Algorithm, experiment: Experiment, loss: Callable[[Point], float], count: int = 40
) -> float:
    sign = -1 if experiment.spec.objective and experiment.spec.objective.type == "maximize" else 1
    given, _ = play(search, experiment, lambda point: sign * loss(point), count)
    return min(loss(point_of(assignment)) for assignment in given)


@pytest.mark.slow
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("case", FUNCTIONS)
def test_after_forty_trials_it_is_far_nearer_to_the_best_than_chance(
    case: str, surrogate: str
) -> None:
    loss, space = FUNCTIONS[case]
    experiment = space(surrogate=surrogate).build()
    ours = [regret(Smac(experiment, seed), experiment, loss) for seed in range(3)]
    chance = [regret(RandomSearch(experiment, seed), experiment, loss) for seed in range(9)]
    assert median(ours) < median(chance) / 3


@pytest.mark.slow
def test_it_beats_chance_when_maximising() -> None:
    experiment = training().with_objective(type=names.MAXIMIZE).build()
    ours = [regret(Smac(experiment, seed), experiment, run) for seed in range(3)]
    chance = [regret(RandomSearch(experiment, seed), experiment, run) for seed in range(9)]
    assert median(ours) < median(chance) / 2


# The history


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("retrain", ["1", "4"])
def test_a_restart_at_any_step_goes_on_the_same(surrogate: str, retrain: str) -> None:
    experiment = training(surrogate=surrogate, n_initial_points="4", retrain_after=retrain).build()
    given, trials = play(Smac(experiment, 1), experiment, run, 14)
    for index in range(14):
        rebuilt = Smac(experiment, 1)
        rebuilt.tell(trials[:index][::-1])
        assert list(rebuilt.suggest(index, 1).assignments) == given[index : index + 1]


def test_until_the_initial_trials_have_ended_points_are_even_whatever_came_of_them() -> None:
    experiment = square(n_initial_points="6").build()
    one, _ = play(Smac(experiment, 1), experiment, sphere, 10)
    other, _ = play(Smac(experiment, 1), experiment, lambda point: -sphere(point), 10)
    assert points_of(one[:6]) == points_of(other[:6])
    assert points_of(one[6:]) != points_of(other[6:])
    for name in ("x0", "x1"):
        assert len({math.floor(4 * float(point_of(each)[name])) for each in one[:6]}) >= 5


def test_while_every_trial_fails_points_stay_even() -> None:
    experiment = square(n_initial_points="2").build()
    search = Smac(experiment, 1)
    wanted = Smac(experiment, 1).suggest(0, 8).assignments
    for index in range(8):
        (assignment,) = search.suggest(index, 1).assignments
        assert assignment == wanted[index]
        search.tell([failed(a_running_trial(experiment, f"t{index}", assignment))])


def test_it_leaves_where_trials_fail() -> None:
    experiment = square().build()
    search = Smac(experiment, 2)
    points: list[float] = []
    for index in range(40):
        (assignment,) = search.suggest(index, 1).assignments
        x = float(point_of(assignment)["x0"])
        trial = a_running_trial(experiment, f"trial-{index:04}", assignment)
        # The objective alone would draw it down.
        search.tell([failed(trial) if x < 0 else a_succeeded_trial(trial, repr(x))])
        points.append(x)
    assert sum(x < 0 for x in points[:10]) >= 4
    assert sum(x < 0 for x in points[-10:]) <= 5
    assert min(x for x in points if x >= 0) < 0.05


def test_between_two_lessons_a_result_changes_nothing() -> None:
    experiment = square(n_initial_points="5", retrain_after="3").build()
    search = Smac(experiment, 1)
    _, trials = play(search, experiment, sphere, 6)
    (one,) = search.suggest(6, 1).assignments
    point = trials[5].spec.parameter_assignments
    other = ended(experiment, 5, TrialAssignment(parameter_assignments=point), -100.0)
    search.tell([other])
    assert list(search.suggest(6, 1).assignments) == [one]
    every = Smac(square(n_initial_points="5").build(), 1)
    every.tell(trials)
    (before,) = every.suggest(6, 1).assignments
    every.tell([other])
    assert list(every.suggest(6, 1).assignments) != [before]


# Parallel trials


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_the_points_of_a_batch_differ(surrogate: str) -> None:
    experiment = square(surrogate=surrogate).build()
    search = Smac(experiment, 1)
    play(search, experiment, sphere, 12)
    assert len(set(points_of(search.suggest(12, 5).assignments))) == 5


def test_it_keeps_away_from_trials_that_run() -> None:
    experiment = square().build()
    search = Smac(experiment, 1)
    play(search, experiment, sphere, 15)
    running: list[Point] = []
    for index in range(15, 20):
        (assignment,) = search.suggest(index, 1).assignments
        point = point_of(assignment)
        assert all(
            max(abs(float(point[name]) - float(other[name])) for name in point) > 1e-4
            for other in running
        )
        running.append(point)
        search.tell([a_running_trial(experiment, f"running-{index}", assignment)])


def test_a_finite_space_is_used_up_before_a_point_comes_again() -> None:
    experiment = few(n_initial_points="5").build()
    given, _ = play(Smac(experiment, 1), experiment, lambda point: float(point["n"]), 18)
    points = points_of(given)
    assert len(set(points[:15])) == 15
    assert set(points[15:]) <= set(points[:15])


def test_a_batch_of_a_finite_space_has_no_point_twice() -> None:
    found = Smac(few().build(), 1).suggest(0, 15).assignments
    assert len(set(points_of(found))) == 15


# Odd histories


ODD: Mapping[str, Sequence[float]] = {
    "losses of any size": [1.7e308, -1.7e308, 0.0, 1e-300, 5.0] * 4,
    "infinities": [math.inf, -math.inf, 1.0, math.nan, 2.0] * 4,
    "nothing but infinities": [math.inf] * 20,
    "constants": [1.0] * 20,
    "two values": [0.0, 1.0] * 10,
}


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("case", ODD)
def test_whatever_the_losses_are_there_is_an_answer(case: str, surrogate: str) -> None:
    experiment = training(surrogate=surrogate).build()
    found = told(experiment, ODD[case]).suggest(20, 3).assignments
    assert len(set(points_of(found))) == 3
    for assignment in found:
        for spec, pair in zip(
            experiment.spec.parameters, assignment.parameter_assignments, strict=True
        ):
            assert_legal(spec, pair.value)


WIDE: Mapping[str, ExperimentBuilder] = {
    "one parameter": square(1),
    "one parameter of one value": an_experiment().with_parameter(
        "c", names.CATEGORICAL, list=["only"]
    ),
    "two hundred parameters": square(200),
    "a thousand words": square(2).with_parameter(
        "word", names.CATEGORICAL, list=[f"word-{number}" for number in range(1000)]
    ),
    "many whole numbers": square(1).with_parameter("n", names.INT, min="1", max="1000000"),
}


@pytest.mark.parametrize("case", WIDE)
def test_whatever_the_space_is_there_is_an_answer(case: str) -> None:
    experiment = WIDE[case].build()
    search = told(experiment, [float(number * 7 % 11) for number in range(60)])
    for assignment in search.suggest(60, 2).assignments:
        for spec, pair in zip(
            experiment.spec.parameters, assignment.parameter_assignments, strict=True
        ):
            assert_legal(spec, pair.value)


def test_very_many_trials_of_one_point_are_taken_in() -> None:
    experiment = square(3).build()
    (assignment,) = Smac(experiment, 1).suggest(0, 1).assignments
    search = Smac(experiment, 1)
    search.tell([ended(experiment, n, assignment, float(n % 7)) for n in range(5000)])
    assert len(set(points_of(search.suggest(5000, 2).assignments))) == 2


def test_thousands_of_trials_are_taken_in() -> None:
    experiment = training().build()
    search = told(experiment, [float(number * 7 % 101) for number in range(5000)])
    assert len(search.suggest(5000, 2).assignments) == 2


# The settings

REFUSED: dict[str, tuple[ExperimentBuilder, str]] = {
    "an unknown surrogate": (
        square(surrogate="nn"),
        "surrogate nn is not supported; use rf or gp",
    ),
    "no initial points": (
        square(n_initial_points="0"),
        "n_initial_points should be great than zero",
    ),
    "a model that is never learnt anew": (
        square(retrain_after="0"),
        "retrain_after should be great than zero",
    ),
    "a forest without trees": (square(n_trees="0"), "n_trees should be great than zero"),
    "a negative seed": (
        square(random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "a text for a number": (
        square(n_trees="many"),
        "failed to validate n_trees(many): invalid literal for int() with base 10: 'many'",
    ),
    "an unknown setting": (
        square(base_estimator="RF"),
        "unknown setting base_estimator for algorithm smac",
    ),
    "two things at once": (
        square(surrogate="x", random_state="-1"),
        "random_state should be great or equal than zero; "
        "surrogate x is not supported; use rf or gp",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_refuses(case: str) -> None:
    builder, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        Smac.validate(builder.build())
    assert words_of(caught.value) == message


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_whatever_it_accepts_works(surrogate: str) -> None:
    experiment = training(
        surrogate=surrogate,
        n_initial_points="1",
        retrain_after="2",
        n_trees="1",
        random_state="10",
    ).build()
    Smac.validate(experiment)
    given, _ = play(Smac(experiment, 10), experiment, run, 5)
    assert len(set(points_of(given))) == 5
