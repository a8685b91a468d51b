from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import pytest
from toy_training import Model

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, NameValue, Strings
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.search.algorithms.pbt import (
    GENERATION,
    MEMBER,
    PARENT,
    REPLACED,
    PopulationBasedTraining,
)
from katib.search.algorithms.random import RandomSearch
from katib.testing.algorithm_contract import AlgorithmContract
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of

SETTINGS = {
    "suggestion_trial_dir": "/checkpoints",
    "n_population": "5",
    "truncation_threshold": "0.2",
}


class TestContract(AlgorithmContract):
    settings = tuple(NameValue(name=name, value=value) for name, value in SETTINGS.items())

    @pytest.fixture
    def algorithm(self) -> type[Algorithm]:
        return PopulationBasedTraining


class TestContractOfResampling(TestContract):
    settings = (
        *TestContract.settings,
        NameValue(name="resample_probability", value="0.5"),
        NameValue(name="explore_all", value="true"),
    )


def tuned(**settings: str) -> ExperimentBuilder:
    builder = an_experiment().with_algorithm("pbt", **{**SETTINGS, **settings})
    return builder.with_parameter("lr", min="0.0001", max="0.02", step="0.0001")


def labels(assignment: TrialAssignment) -> Mapping[str, str]:
    return Strings() if assignment.labels is None else assignment.labels


def value(assignment: TrialAssignment) -> str:
    (pair,) = assignment.parameter_assignments
    return pair.value


def failed(trial: Trial, condition: str = names.FAILED) -> Trial:
    conditions = (*trial.status.conditions, Condition(type=condition, status="True"))
    status = msgspec.structs.replace(trial.status, conditions=conditions)
    return msgspec.structs.replace(trial, status=status)


class Training:
    """One experiment as it goes; trials are named ``t0``, ``t1`` and so on."""

    def __init__(self, experiment: Experiment, seed: int = 1) -> None:
        self.experiment = experiment
        self.search = PopulationBasedTraining(experiment, seed)
        self.seed = seed
        self.given: list[TrialAssignment] = []
        self.trials: list[Trial] = []

    def ask(self, count: int = 1) -> Sequence[TrialAssignment]:
        """The next assignments; all of them run at once."""
        reply = self.search.suggest(len(self.given), count)
        assert not reply.is_exhausted
        for assignment in reply.assignments:
            name = f"t{len(self.given)}"
            self.given.append(assignment)
            self.tell(a_running_trial(self.experiment, name, assignment))
        return reply.assignments

    def tell(self, trial: Trial) -> None:
        self.trials = [one for one in self.trials if one.metadata.name != trial.metadata.name]
        self.trials.append(trial)
        self.search.tell([trial])

    def trial(self, number: int) -> Trial:
        return next(one for one in self.trials if one.metadata.name == f"t{number}")

    def end(self, number: int, loss: float) -> None:
        self.tell(a_succeeded_trial(self.trial(number), repr(loss)))

    def fail(self, number: int, condition: str = names.FAILED) -> None:
        self.tell(failed(self.trial(number), condition))

    def seed_with(self, *losses: float) -> None:
        """The whole population runs once."""
        self.ask(len(losses))
        for number, loss in enumerate(losses):
            self.end(number, loss)


def test_a_population_is_drawn_first_and_nobody_runs_twice_at_once() -> None:
    training = Training(tuned(n_population="7").build())
    first = [*training.ask(3), *training.ask(3), *training.ask(3)]
    assert [labels(one) for one in first] == [
        {GENERATION: "0", MEMBER: str(number)} for number in range(7)
    ]
    assert len({value(one) for one in first}) == 7
    assert training.ask() == []
    training.end(3, 1)
    (assignment,) = training.ask(3)
    assert labels(assignment)[MEMBER] == "3"


def test_seeds_come_before_anybody_goes_on() -> None:
    training = Training(tuned().build())
    training.ask(2)
    training.end(0, 1)
    assert [labels(one)[MEMBER] for one in training.ask(9)] == ["2", "3", "4", "0"]


def test_the_lowest_generation_goes_on_first() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    for number in range(5, 50):
        training.ask()
        training.end(number, number)
    assert Counter(labels(one)[GENERATION] for one in training.given) == {
        str(generation): 5 for generation in range(10)
    }


def test_a_member_goes_on_from_its_own_checkpoint_with_its_own_values() -> None:
    training = Training(tuned().build())
    training.seed_with(5, 4, 3, 2, 1)
    for number, (before, after) in enumerate(
        zip(training.given[1:5], training.ask(5)[1:], strict=True), 1
    ):
        assert labels(after) == {GENERATION: "1", MEMBER: str(number), PARENT: f"t{number}"}
        assert value(after) == value(before)


@pytest.mark.parametrize("direction", [names.MINIMIZE, names.MAXIMIZE])
def test_a_loser_goes_on_from_the_winners_checkpoint_with_other_values(direction: str) -> None:
    training = Training(tuned().with_objective(type=direction).build())
    best, worst = (1, 3) if direction == names.MINIMIZE else (3, 1)
    training.seed_with(2, 1, 2, 3, 2)
    after = training.ask(5)[worst]
    assert labels(after) == {
        GENERATION: "1",
        MEMBER: str(worst),
        PARENT: f"t{best}",
        REPLACED: f"t{worst}",
    }
    ratio = float(value(after)) / float(value(training.given[best]))
    assert min(abs(ratio - factor) for factor in (0.8, 1.2)) < 0.05


def test_a_single_free_place_is_enough_to_replace_a_loser() -> None:
    training = Training(tuned().build())
    training.ask(5)
    for number, loss in enumerate((1, 2, 3, 9)):
        training.end(number, loss)
    replaced = [labels(training.ask()[0]).get(REPLACED) for _ in range(4)]
    assert replaced == [None, None, None, "t3"]


def test_a_winner_is_drawn_from_the_best() -> None:
    experiment = tuned(n_population="20").build()
    parents: Counter[str] = Counter()
    for seed in range(60):
        training = Training(experiment, seed)
        training.seed_with(*range(20))
        parents.update(labels(one)[PARENT] for one in training.ask(20) if REPLACED in labels(one))
    assert set(parents) == {"t0", "t1", "t2", "t3"}
    assert sum(parents.values()) == 60 * 4
    assert min(parents.values()) > 30


def test_a_loser_is_compared_with_those_that_are_further() -> None:
    training = Training(tuned().build())
    training.seed_with(5, 4, 3, 2, 1)
    training.ask(5)
    for number, loss in ((9, 0.1), (8, 0.2)):
        training.end(number, loss)
    after = training.ask(2)
    assert [labels(one)[PARENT] for one in after] == ["t8", "t9"]
    assert not any(REPLACED in labels(one) for one in after)


def test_where_all_are_equally_good_everybody_changes() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 1, 1, 1, 1)
    before = training.given[:5]
    after = training.ask(5)
    assert not any(REPLACED in labels(one) for one in after)
    assert all(value(one) != value(other) for one, other in zip(before, after, strict=True))


def test_all_change_when_all_are_to_explore() -> None:
    training = Training(tuned(explore_all="true").build())
    training.seed_with(5, 4, 3, 2, 1)
    before = training.given[1:5]
    after = training.ask(5)[1:]
    assert [labels(one)[PARENT] for one in after] == ["t1", "t2", "t3", "t4"]
    assert all(value(one) != value(other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(("probability", "is_same"), [("0", True), ("1", False)])
def test_a_winners_values_may_be_kept_or_drawn_anew(probability: str, is_same: bool) -> None:
    training = Training(tuned(resample_probability=probability).build())
    training.seed_with(1, 2, 3, 4, 5)
    after = training.ask(5)[4]
    assert labels(after)[PARENT] == "t0"
    assert (value(after) == value(training.given[0])) is is_same


def test_other_factors() -> None:
    training = Training(tuned(perturbation_factors="0.5, 0.25").build())
    training.seed_with(1, 2, 3, 4, 5)
    ratio = float(value(training.ask(5)[4])) / float(value(training.given[0]))
    assert min(abs(ratio - factor) for factor in (0.5, 0.25)) < 0.05


@pytest.mark.parametrize("condition", [names.FAILED, names.KILLED, names.METRICS_UNAVAILABLE])
def test_a_failed_trial_is_tried_again_as_it_was(condition: str) -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    training.ask(5)
    for number in range(5, 10):
        training.fail(number, condition)
    assert training.ask(5) == training.given[5:10]


def test_a_member_that_fails_twice_goes_on_from_a_winner() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    training.ask(3)
    training.fail(7)
    training.ask()
    assert labels(training.given[8])[MEMBER] == "3"
    training.end(8, 4)
    training.ask()
    assert labels(training.given[9])[MEMBER] == "4"
    training.end(9, 5)
    assert training.ask() == [training.given[7]]
    training.fail(10)
    (after,) = training.ask()
    assert labels(after) == {GENERATION: "2", MEMBER: "2", PARENT: "t0", REPLACED: "t2"}


def test_a_population_that_only_fails_draws_anew() -> None:
    training = Training(tuned().build())
    training.ask(5)
    for _ in range(3):
        ran = len(training.given)
        for number in range(ran - 5, ran):
            training.fail(number)
        training.ask(5)
    first, again, second, third = (training.given[start : start + 5] for start in (0, 5, 10, 15))
    assert first == again
    assert len({value(one) for one in (*first, *second, *third)}) > 12
    assert {labels(one)[GENERATION] for one in training.given} == {"0"}
    training.end(17, 1)
    for number in (15, 16, 18, 19):
        training.fail(number)
    assert [labels(one)[PARENT] for one in training.ask(5)] == ["t17"] * 5


def test_assignments_that_are_no_trials_yet_are_not_given_again() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    whole = training.search.suggest(5, 5).assignments
    for index in range(5):
        assert training.search.suggest(5 + index, 1).assignments == [whole[index]]
    assert training.search.suggest(10, 1).assignments == []


def test_trials_that_were_deleted_do_not_end_the_search() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    assert len(training.search.suggest(5 + 6, 5).assignments) == 5


def test_trials_of_strangers_are_passed_over() -> None:
    training = Training(tuned().build())
    training.seed_with(1, 2, 3, 4, 5)
    wanted = training.search.suggest(5, 5)
    for number, found in enumerate(
        ({}, {MEMBER: "1"}, {MEMBER: "x", GENERATION: "7"}, {MEMBER: "99", GENERATION: "7"})
    ):
        given = msgspec.structs.replace(training.given[0], labels=Strings(found))
        training.tell(a_running_trial(training.experiment, f"stranger-{number}", given))
    assert training.search.suggest(5, 5) == wanted


def test_a_restart_changes_nothing_in_any_state() -> None:
    training = Training(tuned().build())
    ends: Sequence[Callable[[int], None]] = (
        lambda number: training.end(number, number % 4),
        training.fail,
        lambda number: training.end(number, 1 / (1 + number)),
        lambda number: training.fail(number, names.METRICS_UNAVAILABLE),
    )
    running: list[int] = []
    for step in range(60):
        running += range(len(training.given), len(training.given) + len(training.ask(2)))
        ends[step % 4](running.pop(step % len(running)))
        rebuilt = PopulationBasedTraining(training.experiment, training.seed)
        rebuilt.tell(sorted(training.trials, key=lambda trial: trial.metadata.name))
        index = len(training.given)
        assert rebuilt.suggest(index, 5) == training.search.suggest(index, 5)
    assert max(int(labels(one)[GENERATION]) for one in training.given) > 5


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "nothing is given": (
        {},
        "Required params missing: suggestion_trial_dir, n_population, truncation_threshold",
    ),
    "one is missing": (
        {"suggestion_trial_dir": "/c", "n_population": "5"},
        "Required params missing: truncation_threshold",
    ),
    "too small a population": (
        {**SETTINGS, "n_population": "4"},
        "Param(n_population) should be >= 5",
    ),
    "a population that is no number": (
        {**SETTINGS, "n_population": "many"},
        "failed to validate n_population(many): invalid literal for int() with base 10: 'many'",
    ),
    "more than all": (
        {**SETTINGS, "truncation_threshold": "1.1"},
        "Param(truncation_threshold) should be between 0 and 1, inclusive",
    ),
    "no share at all": (
        {**SETTINGS, "truncation_threshold": "nan"},
        "Param(truncation_threshold) should be between 0 and 1, inclusive",
    ),
    "a probability below none": (
        {**SETTINGS, "resample_probability": "-0.1"},
        "Param(resample_probability) should be null to perturb at 0.8 or 1.2, or be between 0 and "
        "1, inclusive, to resample",
    ),
    "a path that is not absolute": (
        {**SETTINGS, "suggestion_trial_dir": "checkpoints"},
        "failed to validate suggestion_trial_dir(checkpoints): it is not absolute, or the root",
    ),
    "the root": (
        {**SETTINGS, "suggestion_trial_dir": "/"},
        "failed to validate suggestion_trial_dir(/): it is not absolute, or the root",
    ),
    "a factor that changes nothing": (
        {**SETTINGS, "perturbation_factors": "0.8,1"},
        "failed to validate perturbation_factors(0.8,1): one of them is not above 0, or is 1",
    ),
    "a factor that is no number": (
        {**SETTINGS, "perturbation_factors": ""},
        "failed to validate perturbation_factors(): could not convert string to float: ''",
    ),
    "neither true nor false": (
        {**SETTINGS, "explore_all": "yes"},
        "explore_all should be true or false",
    ),
    "all at once": (
        {"n_population": "1", "typo": "1", "random_state": "-1"},
        "unknown setting typo for algorithm pbt; Required params missing: suggestion_trial_dir, "
        "truncation_threshold; Param(n_population) should be >= 5; random_state should be great or "
        "equal than zero",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_pbt_refuses(case: str) -> None:
    settings, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        PopulationBasedTraining.validate(an_experiment().with_algorithm("pbt", **settings).build())
    assert words_of(caught.value) == message


def test_the_published_example_and_every_setting_are_accepted() -> None:
    example = {
        "suggestion_trial_dir": "/var/log/katib/checkpoints/",
        "n_population": "40",
        "truncation_threshold": "0.2",
    }
    more = {
        "resample_probability": "0.25",
        "perturbation_factors": "0.5,2",
        "explore_all": "true",
        "random_state": "0",
    }
    PopulationBasedTraining.validate(tuned(**example).build())
    PopulationBasedTraining.validate(tuned(**example, **more).build())


def best_of_population(experiment: Experiment, seed: int, generations: int, epochs: int) -> float:
    """How far a population comes, one trial at a time, each from its parent's checkpoint."""
    training, checkpoints = Training(experiment, seed), dict[str, Model]()
    for number in range(20 * generations):
        (assignment,) = training.ask()
        start = checkpoints.get(labels(assignment).get(PARENT, ""), Model())
        model = start.train(float(value(assignment)), epochs)
        checkpoints[f"t{number}"] = model
        training.end(number, model.accuracy)
    return max(model.accuracy for model in checkpoints.values())


def best_of_random(experiment: Experiment, seed: int, trials: int, epochs: int) -> float:
    given = RandomSearch(experiment, seed).suggest(0, trials).assignments
    return max(Model().train(float(value(one)), epochs).accuracy for one in given)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"explore_all": "true"}, {"resample_probability": "0.5"}])
def test_an_optimum_that_moves_is_followed(settings: dict[str, str]) -> None:
    """400 trials of 10 epochs, against as many epochs spent on few long or many short trials."""
    builder = tuned(n_population="20", **settings).with_objective("accuracy", names.MAXIMIZE)
    experiment = builder.build()
    population = [best_of_population(experiment, seed, 20, 10) for seed in range(3)]
    long = [best_of_random(experiment, seed, 20, 200) for seed in range(3)]
    short = [best_of_random(experiment, seed, 400, 10) for seed in range(3)]
    assert min(population) > 95
    assert statistics.mean(population) > 2 * max(*long, *short)
