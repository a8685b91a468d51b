"""What every search algorithm must keep to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product

import msgspec

from katib.api import names
from katib.api.experiment import (
    AlgorithmSpec,
    Experiment,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    ObjectiveSpec,
    Operation,
    ParameterSpec,
)
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

SEED = 7


def search_spaces() -> Mapping[str, Experiment]:
    """One experiment for each kind of search space; an algorithm need not take all of them."""
    mixed = (
        an_experiment()
        .with_parameter("lr", min="0.01", max="0.3", distribution="logUniform")
        .with_parameter("momentum", min="0", max="0.3", step="0.1")
        .with_parameter("layers", names.INT, min="1", max="6", step="2")
        .with_parameter("batch", names.DISCRETE, list=["8", "16.0", "32"])
        .with_parameter("optimizer", names.CATEGORICAL, list=["adam", "sgd", "true"])
    )
    numbers = (
        an_experiment()
        .with_parameter("x", min="-1", max="1")
        .with_parameter("y", names.INT, min="-3", max="3", distribution="normal")
    )
    steps = (
        an_experiment()
        .with_parameter("lr", min="0.1", max="0.35", step="0.1")
        .with_parameter("units", names.INT, min="32", max="64", distribution="logNormal")
        .with_parameter("optimizer", names.CATEGORICAL, list=["adam", "sgd"])
    )
    return {
        "all types": mixed.build(),
        "numbers": numbers.build(),
        "steps": steps.build(),
        "architectures": _architectures(),
    }


class AlgorithmContract:
    """Inherit, and give a fixture ``algorithm`` that returns the class.

    ``settings`` are given to the algorithm in every test, for those that need some.
    """

    settings: Sequence[NameValue] = ()

    def test_it_takes_one_kind_of_search_space_at_least(self, algorithm: type[Algorithm]) -> None:
        """An algorithm that refuses every space would pass all that follows."""
        assert self._accepted(algorithm)

    def test_the_same_question_has_the_same_answer(self, algorithm: type[Algorithm]) -> None:
        """Of two objects, and of one that was asked something else in between."""
        for experiment in self._accepted(algorithm):
            one, other = algorithm(experiment, SEED), algorithm(experiment, SEED)
            first = one.suggest(0, 3)
            one.suggest(3, 2)
            assert one.suggest(0, 3) == first
            assert other.suggest(0, 3) == first

    def test_it_gives_some_and_no_more_than_asked(self, algorithm: type[Algorithm]) -> None:
        """The very first question has an answer."""
        for experiment in self._accepted(algorithm):
            for count in (1, 3):
                assert 1 <= len(algorithm(experiment, SEED).suggest(0, count).assignments) <= count

    def test_every_parameter_has_a_legal_value(self, algorithm: type[Algorithm]) -> None:
        """Every parameter once, in order, with a text within bounds, on the step, of the list."""
        for experiment in self._accepted(algorithm):
            if experiment.spec.nas_config is not None:
                continue
            for _, assignment in self._play(algorithm, experiment, 12):
                pairs = assignment.parameter_assignments
                parameters = experiment.spec.parameters
                assert [pair.name for pair in pairs] == [spec.name for spec in parameters]
                for spec, pair in zip(parameters, pairs, strict=True):
                    assert_legal(spec, pair.value)

    def test_an_architecture_is_told_in_texts(self, algorithm: type[Algorithm]) -> None:
        """The same names in each assignment, and JSON that can stand between double quotes."""
        for experiment in self._accepted(algorithm):
            if experiment.spec.nas_config is None:
                continue
            played = [pairs for _, pairs in self._play(algorithm, experiment, 4)]
            order = [pair.name for pair in played[0].parameter_assignments]
            assert order
            assert len(set(order)) == len(order)
            for assignment in played:
                pairs = assignment.parameter_assignments
                assert [pair.name for pair in pairs] == order
                for pair in pairs:
                    assert '"' not in pair.value
                    json.loads(pair.value.replace("'", '"'))

    def test_a_restart_changes_nothing(self, algorithm: type[Algorithm]) -> None:
        """One that was told as things happened answers as one that is told everything at once.

        After every trial, and whatever the order of what it is told.
        """
        for experiment in self._accepted(algorithm):
            told = algorithm(experiment, SEED)
            trials: list[Trial] = []
            for trial, _ in self._play(algorithm, experiment, 8):
                running = msgspec.structs.replace(
                    trial, status=a_running_trial(experiment, "any", TrialAssignment()).status
                )
                told.tell([running])
                told.tell([trial])
                trials.append(trial)
                wanted = told.suggest(len(trials), 2)
                for order in (trials, trials[::-1]):
                    rebuilt = algorithm(experiment, SEED)
                    rebuilt.tell(order)
                    assert rebuilt.suggest(len(trials), 2) == wanted

    def test_a_search_goes_on_where_trials_diverge(self, algorithm: type[Algorithm]) -> None:
        """Whatever the policy for what is not finite, and the same after a restart."""
        for experiment, policy in product(self._accepted(algorithm), ("", names.PENALISE)):
            penalising = _with_policy(experiment, policy)
            values = ("nan", "0.5", "-inf", "0.25")
            played = self._play(algorithm, penalising, len(values), values)
            trials = [trial for trial, _ in played]
            told, rebuilt = (algorithm(penalising, SEED) for _ in range(2))
            for trial in trials:
                told.tell([trial])
            rebuilt.tell(trials[::-1])
            assert rebuilt.suggest(len(trials), 2) == told.suggest(len(trials), 2)

    def test_an_unknown_setting_is_refused(self, algorithm: type[Algorithm]) -> None:
        """With a text that Katib's users know; or else the trials are told of it."""
        for experiment in self._accepted(algorithm):
            wrong = _with_settings(experiment, (*self.settings, NameValue(name="typo", value="1")))
            message = _refusal(algorithm, wrong)
            if not message:
                (assignment,) = algorithm(wrong, SEED).suggest(0, 1).assignments
                assert any("'typo'" in pair.value for pair in assignment.parameter_assignments)
                continue
            name = "" if wrong.spec.algorithm is None else wrong.spec.algorithm.algorithm_name
            assert (
                f"unknown setting typo for algorithm {name}" in message
                or "Unknown Algorithm Setting name: typo" in message
            )

    def _accepted(self, algorithm: type[Algorithm]) -> list[Experiment]:
        experiments = [_with_settings(one, self.settings) for one in search_spaces().values()]
        return [one for one in experiments if not _refusal(algorithm, one)]

    def _play(
        self,
        algorithm: type[Algorithm],
        experiment: Experiment,
        count: int,
        values: Sequence[str] = (),
    ) -> list[tuple[Trial, TrialAssignment]]:
        """An experiment of one trial at a time, until ``count`` or the algorithm gives no more."""
        player = algorithm(experiment, SEED)
        played: list[tuple[Trial, TrialAssignment]] = []
        for index in range(count):
            assignments = player.suggest(index, 1).assignments
            if not assignments:
                break
            running = a_running_trial(experiment, f"trial-{index}", assignments[0])
            value = values[index] if values else str((index * 7 % 5) / 10)
            trial = a_succeeded_trial(running, value)
            player.tell([trial])
            played.append((trial, assignments[0]))
        assert played
        return played


def assert_legal(spec: ParameterSpec, value: str) -> None:
    """The value is a text that the parameter's feasible space allows."""
    space = spec.feasible_space
    assert isinstance(value, str)
    if spec.parameter_type in (names.DISCRETE, names.CATEGORICAL):
        assert value in space.list
        return
    exact = str(int(value)) if spec.parameter_type == names.INT else repr(float(value))
    assert value == exact, f"{spec.name}: {value} is not printed as {exact}"
    number = Decimal(value)
    assert Decimal(space.min) <= number <= Decimal(space.max), f"{spec.name}: {value}"
    if space.step:
        assert (number - Decimal(space.min)) % Decimal(space.step) == 0, f"{spec.name}: {value}"


def _architectures() -> Experiment:
    def parameter(name: str, type: str, space: FeasibleSpace) -> ParameterSpec:
        return ParameterSpec(name=name, parameter_type=type, feasible_space=space)

    sizes = parameter("filter_size", names.CATEGORICAL, FeasibleSpace(list=("3", "5")))
    strides = parameter("stride", names.INT, FeasibleSpace(min="1", max="2", step="1"))
    config = NasConfig(
        graph_config=GraphConfig(num_layers=2, input_sizes=(32, 32, 3), output_sizes=(10,)),
        operations=(
            Operation(operation_type="convolution", parameters=(sizes, strides)),
            Operation(operation_type="skip_connection"),
        ),
    )
    experiment = an_experiment().build()
    spec = msgspec.structs.replace(experiment.spec, parameters=(), nas_config=config)
    return msgspec.structs.replace(experiment, spec=spec)


def _with_settings(experiment: Experiment, settings: Sequence[NameValue]) -> Experiment:
    old = experiment.spec.algorithm or AlgorithmSpec()
    algorithm = msgspec.structs.replace(old, algorithm_settings=tuple(settings))
    spec = msgspec.structs.replace(experiment.spec, algorithm=algorithm)
    return msgspec.structs.replace(experiment, spec=spec)


def _with_policy(experiment: Experiment, policy: str) -> Experiment:
    old = experiment.spec.objective or ObjectiveSpec()
    objective = msgspec.structs.replace(old, non_finite=policy)
    spec = msgspec.structs.replace(experiment.spec, objective=objective)
    return msgspec.structs.replace(experiment, spec=spec)


def _refusal(algorithm: type[Algorithm], experiment: Experiment) -> str:
    try:
        algorithm.validate(experiment)
    except SettingsError as error:
        return str(error)
    return ""
