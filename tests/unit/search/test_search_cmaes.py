from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.search.algorithms.cmaes import GENERATION, CmaEs
from katib.search.algorithms.random import RandomSearch
from katib.testing.algorithm_contract import assert_legal
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of

Point = Mapping[str, str]


def mixed(**settings: str) -> ExperimentBuilder:
    builder = an_experiment().with_algorithm("cmaes", **settings)
    builder.with_parameter("x", min="-2", max="2")
    builder.with_parameter("n", names.INT, min="-20", max="20")
    builder.with_parameter("lr", min="1e-5", max="1", distribution="logUniform")
    return builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "d"])


def plane(**settings: str) -> ExperimentBuilder:
    builder = an_experiment().with_algorithm("cmaes", **settings)
    return builder.with_parameter("x", min="-2", max="2").with_parameter("y", min="-2", max="2")


def ends(**settings: str) -> ExperimentBuilder:
    """Thirty points."""
    builder = an_experiment().with_algorithm("cmaes", **settings)
    builder.with_parameter("x", names.INT, min="1", max="5")
    return builder.with_parameter("y", names.INT, min="1", max="6")


def bowl(point: Point) -> float:
    miss = (float(point["x"]) - 0.3) ** 2 + (int(point["n"]) - 7) ** 2 / 100
    return miss + abs(float(point["lr"]) - 0.001) * 10 + (point["c"] != "b")


def sphere(point: Point) -> float:
    return (float(point["x"]) - 0.3) ** 2 + (float(point["y"]) + 0.4) ** 2


def point_of(assignment: TrialAssignment) -> Point:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def generation(assignment: TrialAssignment) -> str:
    return "" if assignment.labels is None else assignment.labels.get(GENERATION, "")


def failed(trial: Trial) -> Trial:
    conditions = (*trial.status.conditions, Condition(type=names.FAILED, status="True"))
    status = msgspec.structs.replace(trial.status, conditions=conditions)
    return msgspec.structs.replace(trial, status=status)


def play(
    experiment: Experiment,
    loss: Callable[[Point], float],
    count: int,
    search: Algorithm | None = None,
) -> tuple[list[TrialAssignment], list[Trial]]:
    """So many trials, one at a time."""
    player = search or CmaEs(experiment, 1)
    given: list[TrialAssignment] = []
    trials: list[Trial] = []
    for index in range(count):
        (assignment,) = player.suggest(index, 1).assignments
        running = a_running_trial(experiment, f"trial-{index:04}", assignment)
        trials.append(a_succeeded_trial(running, repr(loss(point_of(assignment)))))
        player.tell(trials[-1:])
        given.append(assignment)
    return given, trials


@pytest.mark.parametrize("strategy", ["none", "ipop", "bipop"])
@pytest.mark.parametrize("direction", [names.MINIMIZE, names.MAXIMIZE])
def test_it_beats_chance_in_both_directions(strategy: str, direction: str) -> None:
    sign = -1 if direction == names.MAXIMIZE else 1
    experiment = mixed(restart_strategy=strategy).with_objective(type=direction).build()

    def loss(point: Point) -> float:
        return sign * bowl(point)

    best: list[float] = []
    for search in (CmaEs(experiment, 3), RandomSearch(experiment, 3)):
        given, _ = play(experiment, loss, 150, search)
        best.append(min(bowl(point_of(assignment)) for assignment in given))
    assert best[0] < 0.01
    assert best[0] < best[1] / 10


def test_the_words_that_help_come_more_often() -> None:
    experiment = mixed().build()
    given, _ = play(experiment, bowl, 150)
    words = [point_of(assignment)["c"] for assignment in given]
    assert words[:7].count("b") < 5
    assert words[-30:].count("b") > 24
    assert set(words) == {"a", "b", "d"}


def test_a_generation_has_as_many_trials_as_the_population() -> None:
    given, _ = play(plane().build(), sphere, 20)
    assert [generation(assignment) for assignment in given] == (
        ["0"] * 6 + ["1"] * 6 + ["2"] * 6 + ["3"] * 2
    )


def test_more_are_drawn_from_a_generation_while_its_trials_run() -> None:
    experiment = plane().build()
    search = CmaEs(experiment, 1)
    first = search.suggest(0, 10).assignments
    assert {generation(assignment) for assignment in first} == {"0"}
    assert len({str(assignment.parameter_assignments) for assignment in first}) == 10
    running = [a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(first)]
    ended = [a_succeeded_trial(trial, str(number)) for number, trial in enumerate(running)]
    search.tell([*running, *ended[:5]])
    assert generation(search.suggest(10, 1).assignments[0]) == "0"
    search.tell(ended[9:])
    assert generation(search.suggest(10, 1).assignments[0]) == "1"


def test_one_that_ends_late_is_as_if_it_had_always_ended() -> None:
    experiment = plane().build()
    search = CmaEs(experiment, 1)
    first = search.suggest(0, 8).assignments
    ended = [
        a_succeeded_trial(a_running_trial(experiment, f"t{n}", one), str(n))
        for n, one in enumerate(first)
    ]
    search.tell(ended[1:])
    before = search.suggest(8, 2)
    search.tell(ended[:1])
    rebuilt = CmaEs(experiment, 1)
    rebuilt.tell(ended)
    assert search.suggest(8, 2) == rebuilt.suggest(8, 2)
    assert search.suggest(8, 2) != before


@pytest.mark.parametrize("strategy", ["none", "ipop", "bipop"])
def test_a_restart_at_any_step_goes_on_the_same(strategy: str) -> None:
    experiment = mixed(restart_strategy=strategy).build()
    given, trials = play(experiment, bowl, 60)
    for index in range(0, 60, 7):
        rebuilt = CmaEs(experiment, 1)
        rebuilt.tell(trials[:index][::-1])
        assert list(rebuilt.suggest(index, 1).assignments) == given[index : index + 1]


def test_failed_trials_are_the_worst_of_their_generation() -> None:
    """Where everything below the middle fails, the search leaves for the upper half."""
    experiment = plane().build()
    search = CmaEs(experiment, 2)
    points: list[float] = []
    for index in range(90):
        (assignment,) = search.suggest(index, 1).assignments
        x = float(point_of(assignment)["x"])
        trial = a_running_trial(experiment, f"trial-{index:04}", assignment)
        # The objective alone would draw it down.
        search.tell([failed(trial) if x < 0 else a_succeeded_trial(trial, repr(x))])
        points.append(x)
    assert sum(x < 0 for x in points[:18]) > 3
    assert sum(x < 0 for x in points[-18:]) < 12
    assert min(x for x in points if x >= 0) < 0.1


def test_a_generation_of_failures_is_not_learnt_from() -> None:
    experiment = plane().build()
    search = CmaEs(experiment, 1)
    for index in range(12):
        (assignment,) = search.suggest(index, 1).assignments
        assert generation(assignment) == "0"
        search.tell([failed(a_running_trial(experiment, f"t{index}", assignment))])


def test_a_finite_space_is_used_up_before_a_point_comes_again() -> None:
    given, _ = play(ends().build(), lambda point: float(point["x"]), 40)
    points = [assignment.parameter_assignments for assignment in given]
    assert len(set(points[:30])) == 30
    assert set(points[30:]) <= set(points)


def test_a_batch_of_a_finite_space_has_no_point_twice() -> None:
    found = CmaEs(ends().build(), 1).suggest(0, 30).assignments
    assert len({assignment.parameter_assignments for assignment in found}) == 30


def spreads(strategy: str) -> list[float]:
    """How far apart the points of each 50 trials lie, of a search that converges."""
    given, _ = play(plane(restart_strategy=strategy).build(), sphere, 750)
    xs = [float(point_of(assignment)["x"]) for assignment in given]
    return [
        max(xs[start : start + 50]) - min(xs[start : start + 50]) for start in range(0, 750, 50)
    ]


def test_without_restarts_it_stays_where_it_ended() -> None:
    assert spreads("none")[-1] < 1e-6


@pytest.mark.parametrize("strategy", ["ipop", "bipop"])
def test_with_restarts_it_leaves_again(strategy: str) -> None:
    found = spreads(strategy)
    converged = next(number for number, spread in enumerate(found) if spread < 1e-4)
    assert max(found[converged:]) > 0.5


def test_sigma_is_the_first_spread_as_a_share_of_the_range() -> None:
    found = CmaEs(plane(sigma="0.001").build(), 1).suggest(0, 20).assignments
    distances = [abs(float(point_of(assignment)["x"])) for assignment in found]
    assert 0.002 < max(distances) < 0.02
    default, zero = (CmaEs(plane(**s).build(), 1).suggest(0, 3) for s in ({}, {"sigma": "0"}))
    assert default == zero


def test_losses_of_any_size_are_no_trouble() -> None:
    play(
        plane(restart_strategy="ipop").build(), lambda p: 1.7e308 * (1 if "-" in p["x"] else -1), 40
    )


def test_it_needs_few_trials_where_a_model_helps() -> None:
    """Without the comparison of points by the model, the best of 60 comes to 0.002."""
    best: list[float] = []
    for seed in range(5):
        experiment = plane().build()
        given, _ = play(experiment, sphere, 60, CmaEs(experiment, seed))
        best.append(min(sphere(point_of(assignment)) for assignment in given))
    assert sorted(best)[2] < 2e-5


LOSSES: dict[str, Callable[[int], str]] = {
    "endless ones": lambda number: ["inf", "1", "nan", "1"][number % 4],
    "nothing but endless ones": lambda number: "inf",
    "all the same": lambda number: "3",
    "as large as numbers can be": lambda number: repr(1.7e308 * (-1) ** number),
}


def wide() -> ExperimentBuilder:
    """Two hundred parameters, one of them of a thousand words."""
    builder = an_experiment().with_algorithm("cmaes")
    for number in range(199):
        builder.with_parameter(f"x{number}", min="0", max="1")
    return builder.with_parameter("w", names.CATEGORICAL, list=[f"w{n}" for n in range(1000)])


@pytest.mark.parametrize("builder", [plane(), wide()], ids=["two parameters", "two hundred"])
@pytest.mark.parametrize("case", LOSSES)
def test_odd_losses_have_an_answer(case: str, builder: ExperimentBuilder) -> None:
    experiment = builder.build()
    search = CmaEs(experiment, 1)
    for index in range(0, 40, 10):
        for number, assignment in enumerate(search.suggest(index, 10).assignments):
            for spec, pair in zip(
                experiment.spec.parameters, assignment.parameter_assignments, strict=True
            ):
                assert_legal(spec, pair.value)
            running = a_running_trial(experiment, f"t{index + number:02}", assignment)
            search.tell([a_succeeded_trial(running, LOSSES[case](index + number))])


def test_very_many_trials_of_one_point_are_no_trouble() -> None:
    experiment = plane().build()
    search = CmaEs(experiment, 1)
    (assignment,) = search.suggest(0, 1).assignments
    succeeded = a_succeeded_trial(a_running_trial(experiment, "t", assignment), "1")
    search.tell(
        [
            msgspec.structs.replace(
                succeeded, metadata=msgspec.structs.replace(succeeded.metadata, name=f"t{number}")
            )
            for number in range(20_000)
        ]
    )
    assert len(search.suggest(20_000, 5).assignments) == 5


CONTINUOUS = "CMA-ES only supports two or more dimensional continuous search space."

REFUSED: dict[str, tuple[ExperimentBuilder, str]] = {
    "one number": (
        an_experiment()
        .with_algorithm("cmaes")
        .with_parameter("x", min="0", max="1")
        .with_parameter("d", names.DISCRETE, list=["1", "2"]),
        CONTINUOUS,
    ),
    "a name twice": (
        plane().with_parameter("x", names.INT, min="1", max="2"),
        "Detect duplicated parameter name: x",
    ),
    "an unknown strategy": (
        plane(restart_strategy="invalid"),
        "restart_strategy invalid is not supported in CMAES optimization",
    ),
    "a negative sigma": (plane(sigma="-10"), "sigma should be greate or equal than zero"),
    "an endless sigma": (plane(sigma="inf"), "sigma should be greate or equal than zero"),
    "a negative seed": (
        plane(random_state="-20"),
        "random_state should be greate or equal than zero",
    ),
    "an unknown setting": (plane(typo="1"), "unknown setting typo for algorithm cmaes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cmaes_refuses(case: str) -> None:
    builder, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        CmaEs.validate(builder.build())
    assert words_of(caught.value) == message


@pytest.mark.parametrize("strategy", ["none", "None", "ipop", "bipop"])
def test_what_cmaes_accepts(strategy: str) -> None:
    CmaEs.validate(ends(restart_strategy=strategy, sigma="0.1", random_state="10").build())
