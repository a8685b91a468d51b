from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import median

import msgspec
import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, NameValue
from katib.search.algorithm import Algorithm
from katib.search.algorithms.multivariate_tpe import MultivariateTpe
from katib.search.algorithms.random import RandomSearch
from katib.search.algorithms.tpe import Tpe
from katib.testing.algorithm_contract import AlgorithmContract, assert_legal
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)

Values = Mapping[str, str]
BOTH = pytest.mark.parametrize("search", [Tpe, MultivariateTpe])


class TestFromTheSecondTrialOn(AlgorithmContract):
    """With its defaults, the contract would hardly reach the model."""

    settings = (NameValue(name="n_startup_trials", value="2"),)

    @pytest.fixture(params=[Tpe, MultivariateTpe])
    def algorithm(self, request: pytest.FixtureRequest) -> type[Algorithm]:
        chosen: type[Algorithm] = request.param
        return chosen


def values_of(assignment: TrialAssignment) -> dict[str, str]:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def trial(experiment: Experiment, name: str, **values: str) -> Trial:
    """A running trial of those values."""
    pairs = tuple(NameValue(name=key, value=value) for key, value in values.items())
    return a_running_trial(experiment, name, TrialAssignment(parameter_assignments=pairs))


def ended(running: Trial, condition: str) -> Trial:
    """The same trial with another condition as its last."""
    last = Condition(type=condition, status="True")
    status = msgspec.structs.replace(running.status, conditions=(*running.status.conditions, last))
    return msgspec.structs.replace(running, status=status)


# It is better than chance


def nums(values: Values) -> list[float]:
    return [float(value) for value in values.values()]


def sphere(values: Values) -> float:
    return sum((x - 0.3) ** 2 for x in nums(values))


def branin(values: Values) -> float:
    x, y = nums(values)
    bend = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def ackley(values: Values) -> float:
    xs = nums(values)
    length = math.sqrt(sum(x * x for x in xs) / len(xs))
    waves = sum(math.cos(2 * math.pi * x) for x in xs) / len(xs)
    return -20 * math.exp(-0.2 * length) - math.exp(waves) + 20 + math.e


def training(values: Values) -> float:
    rate = (math.log10(float(values["lr"])) + 2.5) ** 2
    layers, drop = 0.1 * (int(values["layers"]) - 3) ** 2, abs(float(values["drop"]) - 0.2)
    batch = 0.05 * abs(math.log2(float(values["batch"])) - 6)
    return rate + layers + drop + batch + {"adam": 0.0, "sgd": 0.3, "rms": 0.6}[values["opt"]]


def words(values: Values) -> float:
    wrong = sum(values[f"c{number}"] != "abc"[number % 3] for number in range(5))
    return 0.5 * wrong + (float(values["x"]) - 0.7) ** 2


def box(count: int, low: str, high: str) -> ExperimentBuilder:
    builder = an_experiment()
    for number in range(count):
        builder.with_parameter(f"x{number}", min=low, max=high)
    return builder


def branin_space() -> ExperimentBuilder:
    builder = an_experiment().with_parameter("x", min="-5", max="10")
    return builder.with_parameter("y", min="0", max="15")


def training_space() -> ExperimentBuilder:
    return (
        an_experiment()
        .with_parameter("lr", min="0.00001", max="1", distribution="logUniform")
        .with_parameter("layers", names.INT, min="1", max="8")
        .with_parameter("drop", min="0", max="0.9", step="0.05")
        .with_parameter("batch", names.DISCRETE, list=["16", "32", "64", "128", "256"])
        .with_parameter("opt", names.CATEGORICAL, list=["rms", "sgd", "adam"])
    )


def words_space() -> ExperimentBuilder:
    builder = an_experiment().with_parameter("x", min="0", max="1")
    for number in range(5):
        builder.with_parameter(f"c{number}", names.CATEGORICAL, list=["a", "b", "c"])
    return builder


FUNCTIONS: dict[str, tuple[ExperimentBuilder, Callable[[Values], float]]] = {
    "a bowl": (box(4, "-1", "1"), sphere),
    "a valley with three ends": (branin_space(), branin),
    "a funnel with many holes": (box(4, "-5", "5"), ackley),
    "numbers of all kinds and a word": (training_space(), training),
    "words and a number": (words_space(), words),
}


def regret(
    search: type[Algorithm], function: str, direction: str = names.MINIMIZE, seed: int = 0
) -> float:
    """The smallest loss of 60 trials, one after another."""
    builder, loss = FUNCTIONS[function]
    experiment = builder.with_objective(type=direction).build()
    algorithm, sign = search(experiment, seed), -1 if direction == names.MAXIMIZE else 1
    best = math.inf
    for index in range(60):
        (assignment,) = algorithm.suggest(index, 1).assignments
        found = loss(values_of(assignment))
        best = min(best, found)
        running = a_running_trial(experiment, f"trial-{index}", assignment)
        algorithm.tell([a_succeeded_trial(running, repr(sign * found))])
    return best


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_is_much_better_than_chance(function: str, search: type[Algorithm]) -> None:
    def typical(algorithm: type[Algorithm]) -> float:
        return median(regret(algorithm, function, seed=seed) for seed in (1, 2, 3, 4, 5))

    assert typical(search) < 0.8 * typical(RandomSearch)


@BOTH
def test_to_maximise_is_to_minimise_the_negative(search: type[Algorithm]) -> None:
    downwards, upwards = (
        regret(search, "a bowl", direction) for direction in (names.MINIMIZE, names.MAXIMIZE)
    )
    assert upwards == downwards


# What is evidence

LINE = (
    an_experiment()
    .with_parameter("x", min="0", max="1")
    .with_algorithm("tpe", n_startup_trials="5")
)


def told(search: type[Algorithm], extra: list[Trial], good: str = "0.5") -> float:
    """Where it goes, on the average, after a good trial, four bad ones and those."""
    experiment = LINE.build()
    algorithm = search(experiment, 3)
    places = [good, "0.05", "0.2", "0.35", "0.95"]
    algorithm.tell(
        [
            a_succeeded_trial(trial(experiment, f"t{number}", x=place), str(number))
            for number, place in enumerate(places)
        ]
    )
    algorithm.tell(extra)
    found = [algorithm.suggest(index, 1).assignments[0] for index in range(30)]
    return sum(abs(float(values_of(one)["x"]) - 0.8) for one in found) / len(found)


@BOTH
@pytest.mark.parametrize("condition", [names.FAILED, names.KILLED, names.METRICS_UNAVAILABLE])
def test_failed_trials_are_avoided(condition: str, search: type[Algorithm]) -> None:
    experiment = LINE.build()
    failures = [ended(trial(experiment, f"f{n}", x=f"0.8{n}"), condition) for n in range(6)]
    assert told(search, failures, "0.7") > told(search, [], "0.7") + 0.02


@BOTH
def test_pending_trials_are_avoided(search: type[Algorithm]) -> None:
    experiment = LINE.build()
    pending = [trial(experiment, f"p{number}", x=f"0.8{number}") for number in range(6)]
    assert told(search, pending, "0.7") > told(search, [], "0.7") + 0.02


@BOTH
def test_a_trial_stopped_early_is_never_better_than_one_that_finished(
    search: type[Algorithm],
) -> None:
    experiment = LINE.build()

    def stopped(value: str) -> list[Trial]:
        running = trial(experiment, "s", x="0.8")
        observed = a_succeeded_trial(running, value).status.observation
        early = ended(running, names.EARLY_STOPPED)
        status = msgspec.structs.replace(early.status, observation=observed)
        return [msgspec.structs.replace(early, status=status)]

    assert told(search, stopped("-100")) == told(search, stopped("100"))


@BOTH
def test_without_any_loss_it_goes_where_nothing_failed(search: type[Algorithm]) -> None:
    experiment = LINE.build()
    algorithm = search(experiment, 4)
    algorithm.tell([ended(trial(experiment, f"f{n}", x=f"0.{n}"), names.FAILED) for n in range(5)])
    found = [algorithm.suggest(index, 1).assignments[0] for index in range(20)]
    assert all(float(values_of(one)["x"]) > 0.5 for one in found)


# Which points come


@BOTH
def test_the_first_points_are_spread_evenly(search: type[Algorithm]) -> None:
    found = search(LINE.build(), 1).suggest(0, 4).assignments
    quarters = {int(float(values_of(one)["x"]) * 4) for one in found}
    assert quarters == {0, 1, 2, 3}


@BOTH
def test_seeds_differ(search: type[Algorithm]) -> None:
    one, other = (search(LINE.build(), seed).suggest(0, 3) for seed in (1, 2))
    assert one != other


@BOTH
def test_the_points_of_one_request_differ(search: type[Algorithm]) -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="12")
    experiment = builder.with_algorithm("tpe", n_startup_trials="1").build()
    algorithm = search(experiment, 1)
    algorithm.tell([a_succeeded_trial(trial(experiment, "t", n="4"), "1")])
    found = {values_of(one)["n"] for one in algorithm.suggest(1, 11).assignments}
    assert found == {str(number) for number in range(1, 13)} - {"4"}


@BOTH
def test_a_finite_space_is_used_up_before_a_point_comes_again(search: type[Algorithm]) -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="5")
    builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "c"])
    experiment = builder.with_algorithm("tpe", n_startup_trials="4").build()
    algorithm = search(experiment, 2)
    found: list[tuple[str, ...]] = []
    for index in range(17):
        (assignment,) = algorithm.suggest(index, 1).assignments
        found.append(tuple(values_of(assignment).values()))
        running = a_running_trial(experiment, f"t{index}", assignment)
        algorithm.tell([a_succeeded_trial(running, str(index % 4))])
    assert len(set(found[:15])) == 15
    assert set(found[15:]) <= set(found[:15])


@BOTH
def test_no_trials_to_start_with_are_none(search: type[Algorithm]) -> None:
    experiment = LINE.with_algorithm("tpe", n_startup_trials="0").build()
    assert len(search(experiment, 1).suggest(0, 3).assignments) == 3


@BOTH
def test_a_thousand_trials_of_ten_parameters_are_taken_in(search: type[Algorithm]) -> None:
    builder = box(5, "0", "1")
    for number in range(4):
        builder.with_parameter(f"n{number}", names.INT, min="1", max="100")
    experiment = builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "c"]).build()
    drawn = RandomSearch(experiment, 1).suggest(0, 1000).assignments
    algorithm = search(experiment, 1)
    algorithm.tell(
        [
            a_succeeded_trial(a_running_trial(experiment, f"t{n}", one), str(n * 37 % 1000))
            for n, one in enumerate(drawn)
        ]
    )
    given = [algorithm.suggest(1000 + index, 1).assignments[0] for index in range(5)]
    assert len({str(one.parameter_assignments) for one in given}) == 5


# Odd histories

ODD = box(199, "0", "1").with_parameter(
    "w", names.CATEGORICAL, list=[f"w{number}" for number in range(1000)]
)

LOSSES: dict[str, Callable[[int], str]] = {
    "endless ones": lambda number: ["inf", "-inf", "nan", "1"][number % 4],
    "nothing but endless ones": lambda number: "inf",
    "all the same": lambda number: "3",
    "as large as numbers can be": lambda number: repr(1.7e308 * (-1) ** number),
}


@BOTH
@pytest.mark.parametrize("builder", [LINE, ODD], ids=["one parameter", "two hundred"])
@pytest.mark.parametrize("case", LOSSES)
def test_odd_losses_have_an_answer(
    case: str, builder: ExperimentBuilder, search: type[Algorithm]
) -> None:
    experiment = builder.build()
    drawn = RandomSearch(experiment, 1).suggest(0, 40).assignments
    algorithm = search(experiment, 1)
    algorithm.tell(
        [
            a_succeeded_trial(a_running_trial(experiment, f"t{n}", one), LOSSES[case](n))
            for n, one in enumerate(drawn)
        ]
    )
    for assignment in algorithm.suggest(40, 2).assignments:
        for spec, pair in zip(
            experiment.spec.parameters, assignment.parameter_assignments, strict=True
        ):
            assert_legal(spec, pair.value)


@BOTH
def test_very_many_trials_of_one_point_are_left_alone(search: type[Algorithm]) -> None:
    experiment = LINE.build()
    running = trial(experiment, "t", x="0.5")
    succeeded = a_succeeded_trial(running, "1")
    algorithm = search(experiment, 1)
    algorithm.tell(
        [
            msgspec.structs.replace(
                succeeded, metadata=msgspec.structs.replace(running.metadata, name=f"t{number}")
            )
            for number in range(20_000)
        ]
    )
    found = [float(values_of(one)["x"]) for one in algorithm.suggest(20_000, 20).assignments]
    assert all(0 <= x <= 1 for x in found)
    assert max(abs(x - 0.5) for x in found) > 0.05
