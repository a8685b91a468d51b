from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
from katib.search.algorithms.bayesian_optimization import ACQUISITION, TPE, BayesianOptimization
from katib.search.algorithms.random import RandomSearch
from katib.testing.algorithm_contract import AlgorithmContract, assert_legal
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of

Point = Mapping[str, str]
ESTIMATORS = ("GP", "RF", "ET", "GBRT")


class TestBayesianOptimization(AlgorithmContract):
    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return BayesianOptimization


def an_optimization(**settings: str) -> ExperimentBuilder:
    return an_experiment().with_algorithm("bayesianoptimization", **settings)


def square(count: int = 2, **settings: str) -> ExperimentBuilder:
    builder = an_optimization(**settings)
    for name in "abcdefgh"[:count]:
        builder.with_parameter(name, min="-1", max="1")
    return builder


def training(**settings: str) -> ExperimentBuilder:
    builder = an_optimization(**settings)
    builder.with_parameter("lr", min="1e-5", max="1", distribution="logUniform")
    builder.with_parameter("layers", names.INT, min="1", max="20")
    return builder.with_parameter("optimizer", names.CATEGORICAL, list=["sgd", "adam", "rmsprop"])


def few(**settings: str) -> ExperimentBuilder:
    """Fifteen points."""
    builder = an_optimization(**settings).with_parameter("n", names.INT, min="1", max="5")
    return builder.with_parameter("c", names.CATEGORICAL, list=["x", "y", "z"])


def sphere(point: Point) -> float:
    return sum((float(value) - 0.3) ** 2 for value in point.values())


def branin(point: Point) -> float:
    """On the square, with its three minima at 0."""
    x, y = 2.5 + 7.5 * float(point["a"]), 7.5 + 7.5 * float(point["b"])
    valley = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def rosenbrock(point: Point) -> float:
    x, y = 2 * float(point["a"]), 1 + 2 * float(point["b"])
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2


def run(point: Point) -> float:
    """Like the loss of a training: best at a rate of 0.003, 7 layers, and adam."""
    layers, miss = int(point["layers"]), math.log10(float(point["lr"])) + 2.5
    penalty = {"adam": 0.0, "rmsprop": 0.3, "sgd": 0.5 + (layers - 3) ** 2 / 50}
    return miss**2 + (layers - 7) ** 2 / 50 + penalty[point["optimizer"]]


def diverging(point: Point) -> float:
    """The same, but where the rate is large the loss is beyond all bounds."""
    return 1e12 if float(point["lr"]) > 0.03 else run(point)


FUNCTIONS: Mapping[str, tuple[Callable[[Point], float], Callable[..., ExperimentBuilder]]] = {
    "a bowl over four parameters": (sphere, lambda **settings: square(4, **settings)),
    "three equal minima": (branin, square),
    "a curved valley": (rosenbrock, square),
    "rates, layers and words": (run, training),
    "trainings that diverge": (diverging, training),
}


def point_of(assignment: TrialAssignment) -> Point:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def ended(experiment: Experiment, number: int, assignment: TrialAssignment, loss: float) -> Trial:
    running = a_running_trial(experiment, f"trial-{number:04}", assignment)
    return a_succeeded_trial(running, repr(loss))


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


def regret(
    search: Algorithm, experiment: Experiment, loss: Callable[[Point], float], count: int = 40
) -> float:
    sign = -1 if experiment.spec.objective and experiment.spec.objective.type == "maximize" else 1
    given, _ = play(search, experiment, lambda point: sign * loss(point), count)
    return min(loss(point_of(assignment)) for assignment in given)


# Quality


@pytest.mark.slow
@pytest.mark.parametrize("case", FUNCTIONS)
def test_after_forty_trials_it_is_far_nearer_to_the_best_than_chance(case: str) -> None:
    loss, space = FUNCTIONS[case]
    experiment = space().build()
    ours = [regret(BayesianOptimization(experiment, seed), experiment, loss) for seed in range(3)]
    chance = [regret(RandomSearch(experiment, seed), experiment, loss) for seed in range(9)]
    assert median(ours) < median(chance) / 4


@pytest.mark.slow
@pytest.mark.parametrize("acquisition", ["EI", "LCB", "PI"])
def test_each_acquisition_function_beats_chance_when_maximising(acquisition: str) -> None:
    experiment = training(acq_func=acquisition).with_objective(type=names.MAXIMIZE).build()
    chance = [regret(RandomSearch(experiment, seed), experiment, run) for seed in range(9)]
    assert regret(BayesianOptimization(experiment, 1), experiment, run) < median(chance) / 3


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["RF", "ET", "GBRT"])
def test_trees_beat_chance(estimator: str) -> None:
    experiment = training(base_estimator=estimator, acq_func="EI").build()
    ours = [
        regret(BayesianOptimization(experiment, seed), experiment, run, 30) for seed in range(3)
    ]
    chance = [regret(RandomSearch(experiment, seed), experiment, run, 30) for seed in range(9)]
    assert median(ours) < median(chance)


# The history


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_restart_at_any_step_goes_on_the_same(estimator: str) -> None:
    experiment = training(base_estimator=estimator, n_initial_points="4").build()
    given, trials = play(BayesianOptimization(experiment, 1), experiment, run, 14)
    for index in range(0, 14, 3):
        rebuilt = BayesianOptimization(experiment, 1)
        rebuilt.tell(trials[:index][::-1])
        assert list(rebuilt.suggest(index, 1).assignments) == given[index : index + 1]


@pytest.mark.parametrize("initial", [0, 3, 10])
def test_the_model_is_asked_when_the_initial_trials_have_ended(initial: int) -> None:
    experiment = square(n_initial_points=str(initial)).build()
    given, _ = play(BayesianOptimization(experiment, 1), experiment, sphere, 12)
    first = max(initial, 1)
    assert [bool(assignment.labels) for assignment in given] == (
        [False] * first + [True] * (12 - first)
    )


def test_initial_trials_that_still_run_are_waited_for() -> None:
    experiment = square(n_initial_points="4").build()
    search = BayesianOptimization(experiment, 1)
    first = search.suggest(0, 4).assignments
    search.tell([a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(first)])
    (more,) = search.suggest(4, 1).assignments
    assert more.labels is None
    search.tell([ended(experiment, n, one, 1.0) for n, one in enumerate(first)])
    (modelled,) = search.suggest(5, 1).assignments
    assert modelled.labels is not None


def test_the_first_points_are_spread_evenly() -> None:
    found = BayesianOptimization(square().build(), 3).suggest(0, 16).assignments
    for name in "ab":
        cells = {int((float(point_of(one)[name]) + 1) * 8) for one in found}
        assert len(cells) == 16


def test_while_every_trial_fails_points_stay_even() -> None:
    experiment = square(n_initial_points="2").build()
    search = BayesianOptimization(experiment, 1)
    wanted = BayesianOptimization(experiment, 1).suggest(0, 8).assignments
    for index in range(8):
        (assignment,) = search.suggest(index, 1).assignments
        assert assignment == wanted[index]
        search.tell([failed(a_running_trial(experiment, f"t{index}", assignment))])


def test_it_leaves_where_trials_fail() -> None:
    experiment = square(acq_func="EI").build()
    search = BayesianOptimization(experiment, 2)
    points: list[float] = []
    for index in range(30):
        (assignment,) = search.suggest(index, 1).assignments
        a = float(point_of(assignment)["a"])
        trial = a_running_trial(experiment, f"trial-{index:04}", assignment)
        # The objective alone would draw it down.
        search.tell([failed(trial) if a < 0 else a_succeeded_trial(trial, repr(a))])
        points.append(a)
    assert sum(a < 0 for a in points[:10]) >= 4
    assert sum(a < 0 for a in points[-10:]) <= 5
    assert min(a for a in points if a >= 0) < 0.02


# Parallel trials


def distance(one: TrialAssignment, other: TrialAssignment) -> float:
    return max(
        abs(float(here) - float(there))
        for here, there in zip(point_of(one).values(), point_of(other).values(), strict=True)
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_points_of_a_batch_differ(estimator: str) -> None:
    experiment = square(base_estimator=estimator).build()
    search = BayesianOptimization(experiment, 1)
    play(search, experiment, sphere, 12)
    found = search.suggest(12, 4).assignments
    assert len({str(one.parameter_assignments) for one in found}) == 4


def test_it_keeps_away_from_trials_that_run() -> None:
    experiment = square(acq_func="EI").build()
    search = BayesianOptimization(experiment, 1)
    play(search, experiment, branin, 15)
    running: list[TrialAssignment] = []
    for index in range(15, 19):
        (assignment,) = search.suggest(index, 1).assignments
        assert all(distance(assignment, other) > 1e-3 for other in running)
        running.append(assignment)
        search.tell([a_running_trial(experiment, f"running-{index}", assignment)])


def test_asked_again_while_nothing_has_ended_it_gives_other_points() -> None:
    experiment = training().build()
    search = BayesianOptimization(experiment, 1)
    play(search, experiment, run, 12)
    (one,), (other,) = search.suggest(12, 1).assignments, search.suggest(13, 1).assignments
    search.tell([a_running_trial(experiment, "running", one)])
    (third,) = search.suggest(13, 1).assignments
    assert one.parameter_assignments != third.parameter_assignments
    assert other.parameter_assignments != third.parameter_assignments


@pytest.mark.parametrize("acquisition", ["gp_hedge", "LCB"])
def test_a_finite_space_is_used_up_before_a_point_comes_again(acquisition: str) -> None:
    experiment = few(acq_func=acquisition, n_initial_points="5").build()
    search = BayesianOptimization(experiment, 1)
    given, _ = play(search, experiment, lambda point: float(point["n"]), 18)
    points = [assignment.parameter_assignments for assignment in given]
    assert len(set(points[:15])) == 15
    assert set(points[15:]) <= set(points)


def test_a_batch_of_a_finite_space_has_no_point_twice() -> None:
    found = BayesianOptimization(few().build(), 1).suggest(0, 15).assignments
    assert len({assignment.parameter_assignments for assignment in found}) == 15


# The portfolio


def told(experiment: Experiment, losses: Mapping[str, float]) -> BayesianOptimization:
    """Ten trials for each acquisition function, with the losses that they came to."""
    search = BayesianOptimization(experiment, 1)
    chance = RandomSearch(experiment, 1).suggest(0, 10 * len(losses)).assignments
    for number, assignment in enumerate(chance):
        name = list(losses)[number % len(losses)]
        labelled = msgspec.structs.replace(assignment, labels={ACQUISITION: name})
        search.tell([ended(experiment, number, labelled, losses[name] + number / 1000)])
    return search


def chosen(losses: Mapping[str, float]) -> Counter[str]:
    search = told(square().build(), losses)
    found = [search.suggest(index, 1).assignments[0].labels for index in range(30, 60)]
    return Counter(labels[ACQUISITION] for labels in found if labels)


def test_the_portfolio_draws_expected_improvement_most_often() -> None:
    found = chosen(dict.fromkeys(["EI", "LCB", "PI"], 0.0))
    assert found["EI"] > 18
    assert found["LCB"] > 0
    assert found["PI"] > 0


@pytest.mark.parametrize("winner", ["LCB", "PI"])
def test_the_portfolio_draws_what_did_best_more_often(winner: str) -> None:
    usual = chosen(dict.fromkeys(["EI", "LCB", "PI"], 0.0))
    found = chosen({name: float(name != winner) for name in ("EI", "LCB", "PI")})
    assert found[winner] > 2 * usual[winner]


def is_by_parzen(assignment: TrialAssignment) -> bool:
    return assignment.labels is not None and assignment.labels[ACQUISITION] == TPE


def test_the_portfolio_asks_the_parzen_estimator_for_every_fifth_trial() -> None:
    experiment = square().build()
    given, _ = play(BayesianOptimization(experiment, 1), experiment, sphere, 25)
    assert [number for number, one in enumerate(given) if is_by_parzen(one)] == [14, 19, 24]


def test_the_parzen_estimator_keeps_away_from_trials_that_run() -> None:
    """It is told of those of its own batch, too."""
    experiment = few(n_initial_points="5").build()
    search = BayesianOptimization(experiment, 1)
    play(search, experiment, lambda point: float(point["n"]), 5)
    found = search.suggest(5, 10).assignments
    assert [is_by_parzen(one) for one in found].count(True) == 2
    assert len({one.parameter_assignments for one in found}) == 10


def test_one_acquisition_function_needs_no_label() -> None:
    experiment = square(acq_func="PI").build()
    given, _ = play(BayesianOptimization(experiment, 1), experiment, sphere, 12)
    assert all(assignment.labels is None for assignment in given)


# Numbers and time


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_losses_of_any_size_are_no_trouble(estimator: str) -> None:
    experiment = training(base_estimator=estimator, n_initial_points="2").build()
    losses = [1.7e308, -1.7e308, 0.0, 1e-300, 5.0]
    play(
        BayesianOptimization(experiment, 1),
        experiment,
        lambda point: losses[int(point["layers"]) % 5],
        10,
    )


def test_a_function_without_shape_is_no_trouble() -> None:
    experiment = square(n_initial_points="1").build()
    given, _ = play(BayesianOptimization(experiment, 1), experiment, lambda _: 1.0, 8)
    assert len({str(assignment.parameter_assignments) for assignment in given}) == 8


def words(count: int) -> list[str]:
    return [f"w{number}" for number in range(count)]


def numbers(count: int, **settings: str) -> ExperimentBuilder:
    builder = an_optimization(**settings)
    for number in range(count):
        builder.with_parameter(f"x{number}", min="0", max="1")
    return builder


#: A space, and the texts that its trials end with, in turns.
ODD: dict[str, tuple[ExperimentBuilder, Sequence[str]]] = {
    "infinities and no numbers": (numbers(2), ("inf", "-inf", "nan", "1.0")),
    "nothing but infinities": (numbers(2), ("inf", "-inf")),
    "a constant": (numbers(2), ("3.5",)),
    "one parameter": (numbers(1), ("1", "2", "3")),
    "200 parameters": (numbers(200), ("1", "2", "3")),
    "a thousand words": (
        numbers(1).with_parameter("word", names.CATEGORICAL, list=words(1000)),
        ("1", "2", "3"),
    ),
    "many steps": (
        numbers(1).with_parameter("n", names.INT, min="-1000000000", max="1000000000"),
        ("1", "2", "3"),
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_history_has_an_answer_within_bounds(case: str) -> None:
    builder, losses = ODD[case]
    experiment = builder.build()
    search = BayesianOptimization(experiment, 1)
    chance = RandomSearch(experiment, 1).suggest(0, 60).assignments
    search.tell(
        [
            a_succeeded_trial(a_running_trial(experiment, f"t{number:02}", one), text)
            for number, one in enumerate(chance)
            for text in [losses[number % len(losses)]]
        ]
    )
    found = search.suggest(60, 2).assignments
    assert len({one.parameter_assignments for one in found}) == 2
    for one in found:
        for spec, pair in zip(experiment.spec.parameters, one.parameter_assignments, strict=True):
            assert_legal(spec, pair.value)


def test_trials_at_one_and_the_same_point_are_no_trouble() -> None:
    experiment = numbers(3).build()
    search = BayesianOptimization(experiment, 1)
    (same,) = RandomSearch(experiment, 1).suggest(0, 1).assignments
    search.tell([ended(experiment, number, same, number % 3) for number in range(5000)])
    (found,) = search.suggest(5000, 1).assignments
    assert found.parameter_assignments != same.parameter_assignments


def test_very_many_running_trials_are_no_trouble() -> None:
    experiment = numbers(2).build()
    search = BayesianOptimization(experiment, 1)
    play(search, experiment, lambda point: float(point["x0"]), 12)
    running = RandomSearch(experiment, 2).suggest(0, 1000).assignments
    search.tell([a_running_trial(experiment, f"running-{n}", one) for n, one in enumerate(running)])
    assert len(search.suggest(1012, 1).assignments) == 1


def a_long_history(count: int) -> tuple[Experiment, Sequence[Trial]]:
    """Six parameters, and as many trials."""
    builder = training()
    for name in "abc":
        builder.with_parameter(name, min="0", max="1")
    experiment = builder.build()
    assignments = RandomSearch(experiment, 1).suggest(0, count).assignments
    return experiment, [
        ended(experiment, number, one, run(point_of(one)) + float(point_of(one)["a"]))
        for number, one in enumerate(assignments)
    ]


def test_thousands_of_trials_are_taken_in() -> None:
    experiment, trials = a_long_history(5000)
    search = BayesianOptimization(experiment, 1)
    search.tell(trials)
    assert len(search.suggest(len(trials), 2).assignments) == 2


# The settings

REFUSED: dict[str, tuple[ExperimentBuilder, str]] = {
    "an unknown model": (
        square(base_estimator="unknown"),
        "base_estimator unknown is not supported in Bayesian optimization",
    ),
    "an unknown acquisition function": (
        square(acq_func="unknown"),
        "acq_func unknown is not supported in Bayesian optimization",
    ),
    "improvement for its time": (
        square(acq_func="EIps"),
        "acq_func EIps is not supported in Bayesian optimization",
    ),
    "an unknown optimizer": (
        square(acq_optimizer="unknown"),
        "acq_optimizer unknown is not supported in Bayesian optimization",
    ),
    "fewer points than none": (
        square(n_initial_points="-1"),
        "n_initial_points should be great or equal than zero",
    ),
    "a negative seed": (
        square(random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "a text for a number": (
        square(n_initial_points="many"),
        "failed to validate n_initial_points(many): invalid literal for int() with base 10: 'many'",
    ),
    "an unknown setting": (
        square(unknown_conf="1"),
        "unknown setting unknown_conf for algorithm bayesianoptimization",
    ),
    "climbing in trees": (
        square(base_estimator="RF", acq_optimizer="lbfgs"),
        "acq_optimizer lbfgs needs gradients, and base_estimator RF has none; use acq_optimizer "
        "auto or sampling, or base_estimator GP",
    ),
    "two things at once": (
        square(acq_func="x", random_state="-1"),
        "random_state should be great or equal than zero; "
        "acq_func x is not supported in Bayesian optimization",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_refuses(case: str) -> None:
    builder, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        BayesianOptimization.validate(builder.build())
    assert words_of(caught.value) == message


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("acquisition", ["gp_hedge", "EI", "LCB", "PI"])
def test_whatever_it_accepts_works(estimator: str, acquisition: str) -> None:
    experiment = training(
        base_estimator=estimator,
        acq_func=acquisition,
        acq_optimizer="sampling",
        n_initial_points="0",
        random_state="10",
    ).build()
    BayesianOptimization.validate(experiment)
    given, _ = play(BayesianOptimization(experiment, 10), experiment, run, 3)
    assert len(given) == 3


def test_a_range_with_zero_is_searched_by_its_own_distribution() -> None:
    """Katib takes logarithms of every double."""
    experiment = square(1).build()
    BayesianOptimization.validate(experiment)
    given, _ = play(BayesianOptimization(experiment, 1), experiment, sphere, 14)
    assert min(abs(float(point_of(one)["a"]) - 0.3) for one in given) < 0.01
