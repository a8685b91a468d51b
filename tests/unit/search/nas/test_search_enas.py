from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from architecture_spaces import CONVOLUTION, a_parameter, a_search, an_operation

from katib.api import names
from katib.api.conditions import has
from katib.api.experiment import Experiment, GraphConfig, Operation
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.search.algorithms.enas import Enas
from katib.search.nas.architecture import Architecture, architecture_of
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

#: Small and eager, so that tests are quick.
EAGER = {
    "controller_hidden_size": "16",
    "controller_learning_rate": "0.005",
    "controller_train_steps": "20",
    # Little, so that it does not hold back what the rewards say.
    "controller_skip_weight": "0.05",
}
START = datetime(2026, 1, 1, tzinfo=UTC)

REDUCTION = an_operation(
    "reduction",
    a_parameter("reduction_type", names.CATEGORICAL, "max_pooling"),
    a_parameter("pool_size", names.INT, min="2", max="3", step="1"),
)


def eager(operations: tuple[Operation, ...] = (CONVOLUTION,)) -> Experiment:
    return a_search("enas", operations, None, **EAGER)


def values_of(assignment: TrialAssignment) -> Mapping[str, str]:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def drawn(assignment: TrialAssignment) -> Architecture:
    return architecture_of(values_of(assignment)["architecture"], 4, 4)


def ended(
    experiment: Experiment, name: str, assignment: TrialAssignment, value: str, after: int = 0
) -> Trial:
    """A trial that succeeded so many seconds after the start."""
    trial = a_succeeded_trial(a_running_trial(experiment, name, assignment), value)
    return ending(trial, trial.status.conditions, after)


def ending(trial: Trial, conditions: tuple[Condition, ...], after: int) -> Trial:
    status = msgspec.structs.replace(
        trial.status, conditions=conditions, completion_time=START + timedelta(seconds=after)
    )
    return msgspec.structs.replace(trial, status=status)


def turned(trial: Trial, outcome: str) -> Trial:
    """The same trial with another end."""
    *others, last = trial.status.conditions
    assert last.type == names.SUCCEEDED
    conditions = (*others, msgspec.structs.replace(last, type=outcome))
    turned = msgspec.structs.replace(
        trial, status=msgspec.structs.replace(trial.status, conditions=conditions)
    )
    assert has(turned.status.conditions, outcome)
    return turned


def play(
    experiment: Experiment, seed: int, batches: int, reward: Callable[[Architecture], float]
) -> list[float]:
    """The mean rewards of batches of ten trials, each told before the next is asked for."""
    search, means = Enas(experiment, seed), []
    for batch in range(batches):
        assignments = search.suggest(batch * 10, 10).assignments
        rewards = [reward(drawn(assignment)) for assignment in assignments]
        search.tell(
            [
                ended(experiment, f"t{batch}-{number}", assignment, repr(value), batch)
                for number, (assignment, value) in enumerate(zip(assignments, rewards, strict=True))
            ]
        )
        means.append(float(np.mean(rewards)))
    return means


def test_what_katibs_own_test_asks() -> None:
    """Four layers, four operations, two trials that succeeded, and two more are wanted."""
    strides = an_operation("convolution", a_parameter("stride", names.INT, min="1", max="2"))
    experiment = a_search("enas", (strides, REDUCTION))
    Enas.validate(experiment)
    search = Enas(experiment, 1)
    first = search.suggest(0, 2).assignments
    search.tell([ended(experiment, f"t{n}", one, "0.9") for n, one in enumerate(first)])
    assignments = search.suggest(2, 2).assignments
    assert len(assignments) == 2
    for assignment in assignments:
        assert list(values_of(assignment)) == ["architecture", "nn_config"]
        rows = json.loads(values_of(assignment)["architecture"])
        assert [len(row) for row in rows] == [1, 2, 3, 4]
        network = json.loads(values_of(assignment)["nn_config"].replace("'", '"'))
        assert network["num_layers"] == 4
        assert network["input_sizes"] == [32, 32, 8]
        assert network["output_sizes"] == [10]
        assert set(network["embedding"]) == {str(row[0]) for row in rows}
        all_of_them = {
            "0": {"opt_id": 0, "opt_type": "convolution", "opt_params": {"stride": 1}},
            "1": {"opt_id": 1, "opt_type": "convolution", "opt_params": {"stride": 2}},
            **{
                str(number): {
                    "opt_id": number,
                    "opt_type": "reduction",
                    "opt_params": {"reduction_type": "max_pooling", "pool_size": number},
                }
                for number in (2, 3)
            },
        }
        for number, operation in network["embedding"].items():
            assert operation == all_of_them[number]


def has_operation_two(architecture: Architecture) -> float:
    return sum(row[0] == 2 for row in architecture) / 4


def has_skips(architecture: Architecture) -> float:
    return sum(sum(row[1:]) for row in architecture) / 6


REWARDS = {
    "an operation is better than the others": has_operation_two,
    "the same, where every reward is far below zero": lambda one: has_operation_two(one) - 50,
    "skip connections are good": has_skips,
    "skip connections are bad": lambda one: 1 - has_skips(one),
}


@pytest.mark.slow
@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
def test_later_architectures_are_better(reward: Callable[[Architecture], float]) -> None:
    for seed in (1, 2):
        means = play(eager(), seed, 5, reward)
        assert min(means[-2:]) > means[0] + 0.15


def test_minimising_is_maximising_the_other_way_round() -> None:
    builder = an_experiment().with_objective("loss", names.MINIMIZE).with_algorithm("enas", **EAGER)
    spec = msgspec.structs.replace(
        builder.build().spec, parameters=(), nas_config=eager().spec.nas_config
    )
    losing = msgspec.structs.replace(builder.build(), spec=spec)
    losses = play(losing, 1, 3, lambda one: -has_operation_two(one))
    assert losses == [-reward for reward in play(eager(), 1, 3, has_operation_two)]


def some_trials(experiment: Experiment, count: int = 6) -> list[Trial]:
    assignments = Enas(experiment, 5).suggest(0, count).assignments
    return [
        ended(experiment, f"t{number}", one, str(number % 4), after=count - number)
        for number, one in enumerate(assignments)
    ]


def value_of(trial: Trial) -> float:
    assert trial.status.observation is not None
    return float(trial.status.observation.metrics[0].latest)


def next_of(experiment: Experiment, trials: list[Trial]) -> list[Architecture]:
    search = Enas(experiment, 5)
    search.tell(trials)
    return [drawn(one) for one in search.suggest(20, 8).assignments]


def test_trials_teach_in_the_order_of_their_ends_whatever_the_order_of_telling() -> None:
    experiment = eager()
    trials = some_trials(experiment)
    in_order = next_of(experiment, trials)
    assert next_of(experiment, trials[::-1]) == in_order
    same_time = [
        ending(trial, trial.status.conditions, after=number) for number, trial in enumerate(trials)
    ]
    assert next_of(experiment, same_time) != in_order


def test_a_trial_that_ended_earlier_than_known_ones_is_put_in_its_place() -> None:
    experiment = eager()
    trials = some_trials(experiment, 10)
    search = Enas(experiment, 5)
    for trial in trials:
        # Each ended before all that were told so far.
        search.tell([trial])
        search.suggest(20, 1)
    assert [drawn(one) for one in search.suggest(20, 8).assignments] == next_of(experiment, trials)


def test_a_failed_trial_counts_as_the_worst_so_far() -> None:
    experiment = eager()
    trials = some_trials(experiment)
    # The last of the list ended first; its neighbour ended second.
    worst = min(value_of(one) for one in trials[3:])
    failed = turned(trials[2], names.FAILED)
    valued = ended(
        experiment,
        "t2",
        TrialAssignment(parameter_assignments=trials[2].spec.parameter_assignments),
        str(worst),
        after=4,
    )
    assert next_of(experiment, [*trials[:2], failed, *trials[3:]]) == next_of(
        experiment, [*trials[:2], valued, *trials[3:]]
    )


def test_a_failure_before_any_success_teaches_nothing() -> None:
    experiment = eager()
    trials = some_trials(experiment)
    failed = turned(trials[5], names.FAILED)
    pending = a_running_trial(
        experiment,
        "t5",
        TrialAssignment(parameter_assignments=failed.spec.parameter_assignments),
    )
    assert next_of(experiment, [*trials[:5], failed]) == next_of(experiment, [*trials[:5], pending])


def test_a_trial_that_was_stopped_early_is_no_better_than_the_worst_that_finished() -> None:
    experiment = eager()
    trials = some_trials(experiment)
    worst = min(value_of(one) for one in trials[3:])
    assignment = TrialAssignment(parameter_assignments=trials[2].spec.parameter_assignments)

    def after(value: float, outcome: str) -> list[Architecture]:
        trial = turned(ended(experiment, "t2", assignment, str(value), after=4), outcome)
        return next_of(experiment, [*trials[:2], trial, *trials[3:]])

    succeeded = names.SUCCEEDED
    assert after(worst + 5, names.EARLY_STOPPED) == after(worst, succeeded)
    assert after(worst - 5, names.EARLY_STOPPED) == after(worst - 5, succeeded)
    assert after(worst + 5, succeeded) != after(worst, succeeded)


def test_trials_of_another_search_are_left_out() -> None:
    experiment = eager()
    trials = some_trials(experiment)
    pair = trials[0].spec.parameter_assignments[0]
    for text in ("[[0]]", "[[9], [0, 1], [0, 0, 0], [0, 0, 0, 0]]", "lr"):
        assignment = TrialAssignment(
            parameter_assignments=(msgspec.structs.replace(pair, value=text),)
        )
        strange = ended(experiment, "strange", assignment, "100", after=3)
        assert next_of(experiment, [*trials, strange]) == next_of(experiment, trials)


def test_no_architecture_is_given_twice_until_all_were_given() -> None:
    two = GraphConfig(num_layers=2, input_sizes=(8,), output_sizes=(2,))
    experiment = a_search("enas", (CONVOLUTION,), two, **EAGER)
    search = Enas(experiment, 3)
    texts: list[str] = []
    for index in range(0, 32, 4):
        assignments = search.suggest(index, 4).assignments
        texts += [values_of(one)["architecture"] for one in assignments]
        search.tell(
            [a_running_trial(experiment, f"t{index}-{n}", one) for n, one in enumerate(assignments)]
        )
    assert len(set(texts)) == 32
    assert len(search.suggest(32, 3).assignments) == 3


def test_indices_and_seeds_differ() -> None:
    experiment = eager()
    drawn_by_seed = [
        [drawn(one) for one in Enas(experiment, seed).suggest(0, 10).assignments] for seed in (1, 2)
    ]
    assert len({*drawn_by_seed[0], *drawn_by_seed[1]}) > 15


GRAPHS = {
    "no input sizes": (GraphConfig(num_layers=1, output_sizes=(1,)), "Missing InputSizes in"),
    "no output sizes": (GraphConfig(num_layers=1, input_sizes=(1,)), "Missing OutputSizes in"),
    "no layers": (GraphConfig(input_sizes=(1,), output_sizes=(1,)), "Missing NumLayers in"),
    "zero layers": (
        GraphConfig(num_layers=0, input_sizes=(1,), output_sizes=(1,)),
        "Missing NumLayers in",
    ),
    "fewer than no layers": (
        GraphConfig(num_layers=-1, input_sizes=(1,), output_sizes=(1,)),
        "Missing NumLayers in",
    ),
}


@pytest.mark.parametrize(("graph", "message"), GRAPHS.values(), ids=GRAPHS)
def test_graphs_that_are_refused(graph: GraphConfig, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Enas.validate(a_search("enas", (CONVOLUTION,), graph))
    shown = "GraphConfig:\nspec.nasConfig.graphConfig: {"
    assert str(caught.value).startswith(f"{message} {shown}")
    assert caught.value.args[0].count("Missing") == 1


def test_everything_that_is_wrong_is_named_at_once() -> None:
    wrong = a_search("enas", (an_operation("any"),), GraphConfig(), typo="1")
    with pytest.raises(SettingsError) as caught:
        Enas.validate(wrong)
    message, place = str(caught.value), -1
    for part in ("name: typo", "InputSizes", "OutputSizes", "NumLayers", "ParameterConfigs"):
        assert message.find(part) > place
        place = message.find(part)


def test_an_experiment_without_architectures_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^spec\.nasConfig is missing; .*parameters$"):
        Enas.validate(an_experiment().with_algorithm("enas").build())
