"""What the tests of Katib's suggestion services give and expect, asked of ours over gRPC.

Where ours differs on purpose, the sentence says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import grpc
import pytest
from msgspec.structs import replace
from served_algorithms import Service, a_trial, searched

from katib.api.experiment import (
    Experiment,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    Operation,
    ParameterSpec,
)
from katib.testing.algorithm_contract import assert_legal
from katib.testing.builders import ExperimentBuilder, an_experiment

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def twelve() -> ExperimentBuilder:
    """Every type, with and without step, uniform and log-uniform."""
    return (
        an_experiment()
        .with_parameter("a-double", min="-5", max="5")
        .with_parameter("a-double-by-steps", min="-5", max="5", step="0.1")
        .with_parameter("a-log-double", min="0.001", max="5", distribution="logUniform")
        .with_parameter(
            "a-log-double-by-steps", min="1", max="5", step="1", distribution="logUniform"
        )
        .with_parameter("an-int", "int", min="-5", max="5")
        .with_parameter("an-int-by-steps", "int", min="0", max="10", step="2")
        .with_parameter("a-log-int", "int", min="1", max="50", distribution="logUniform")
        .with_parameter("a-uniform-int", "int", min="1", max="5", distribution="uniform")
        .with_parameter("a-uniform-double", min="1", max="5", distribution="uniform")
        .with_parameter("numbers", "discrete", list=["2.3", "3.4", "5.6"])
        .with_parameter("words", "categorical", list=["cat1", "cat2", "cat3"])
        .with_parameter("more-words", "categorical", list=["true", "false"])
    )


def all_distributions() -> ExperimentBuilder:
    """22 parameters: every type, distribution and step."""
    builder = an_experiment()
    for distribution in ("uniform", "logUniform", "normal", "logNormal"):
        for type, step in (
            ("double", ""),
            ("double", "0.8"),
            ("int", ""),
            ("int", "2"),
            ("int", "1"),
        ):
            name = f"{type}-{distribution}-{step or 'none'}"
            builder.with_parameter(
                name, type, min="5", max="10", step=step, distribution=distribution
            )
    return builder.with_parameter("numbers", "discrete", list=["1", "2.5"]).with_parameter(
        "words", "categorical", list=["a", "b"]
    )


def four() -> ExperimentBuilder:
    return (
        an_experiment()
        .with_parameter("param-1", "int", min="-10", max="10")
        .with_parameter("param-2", "categorical", list=["cat1", "cat2", "cat3"])
        .with_parameter("param-3", "discrete", list=["3", "2", "6"])
        .with_parameter("param-4", "double", min="-1.5", max="5.5")
    )


def two_ints() -> ExperimentBuilder:
    return (
        an_experiment()
        .with_parameter("one", "int", min="1", max="5")
        .with_parameter("two", "int", min="1", max="5")
    )


# Assignments

OPTUNA = {
    "tpe": {"n_startup_trials": "20", "n_ei_candidates": "10", "random_state": "71"},
    "multivariate-tpe": {"n_startup_trials": "20", "n_ei_candidates": "10", "random_state": "71"},
    "cmaes": {"restart_strategy": "ipop", "sigma": "2", "random_state": "71"},
    "random": {"random_state": "71"},
}
ANSWERED: dict[str, Experiment] = {
    **{
        f"optuna's {name}: twelve parameters of all types, and two more after two that succeeded": (
            searched(name, twelve(), **settings)
        )
        for name, settings in OPTUNA.items()
    },
    "hyperopt's tpe: every type, distribution and step": searched(
        "tpe",
        all_distributions(),
        random_state="10",
        gamma="0.25",
        prior_weight="1.0",
        n_EI_candidates="24",
    ),
    "skopt's bayesianoptimization: four parameters": searched(
        "bayesianoptimization", four(), random_state="10"
    ),
    "hyperband: with the resource among the parameters": searched(
        "hyperband",
        four().with_parameter("--num-epochs", "int", min="1", max="10"),
        r_l="10",
        resource_name="--num-epochs",
        random_state="1",
    ),
    **{
        f"goptuna's {name}: negative numbers, words and a list": searched(
            name, four(), random_state="10"
        )
        for name in ("cmaes", "tpe", "random")
    },
    "goptuna's sobol, which Katib never tested": searched("sobol", four()),
}


@pytest.mark.parametrize("experiment", ANSWERED.values(), ids=ANSWERED)
def test_two_are_asked_for_and_two_are_given(service: Service, experiment: Experiment) -> None:
    first = service.ask(experiment, 2, 2)
    trials = [a_trial(experiment, f"trial-{n}", point, "0.5") for n, point in enumerate(first)]
    second = service.ask(experiment, 2, 4, trials)
    for points in (first, second):
        assert len(points) == 2
        for point in points:
            assert list(point) == [one.name for one in experiment.spec.parameters]
            for spec in experiment.spec.parameters:
                assert_legal(spec, point[spec.name])


@pytest.mark.parametrize("name", ["tpe", "bayesianoptimization"])
def test_trials_without_a_condition_are_no_evidence(service: Service, name: str) -> None:
    experiment = searched(name, four(), random_state="10")
    given = service.ask(experiment, 2, 2)
    trials = [a_trial(experiment, f"t-{n}", one, "1", "none") for n, one in enumerate(given)]
    assert len(service.ask(experiment, 2, 4, trials)) == 2


@pytest.mark.parametrize("distribution", ["normal", "logNormal"])
@pytest.mark.parametrize("type", ["double", "int"])
def test_normal_distributions_which_katibs_optuna_refuses_stay_in_range(
    service: Service, type: str, distribution: str
) -> None:
    builder = an_experiment().with_parameter(
        "x", type, min="5", max="10", distribution=distribution
    )
    experiment = searched("tpe", builder, random_state="1")
    assert service.validate(experiment) is None
    for point in service.ask(experiment, 50, 50):
        assert 5 <= float(point["x"]) <= 10


# Architectures


def an_architecture(algorithm: str, operations: Sequence[Operation], **settings: str) -> Experiment:
    graph = GraphConfig(num_layers=3, input_sizes=(32, 32, 8), output_sizes=(10,))
    config = NasConfig(graph_config=graph, operations=tuple(operations))
    experiment = searched(algorithm, None, **settings)
    return replace(experiment, spec=replace(experiment.spec, parameters=(), nas_config=config))


def an_operation(type: str, *parameters: ParameterSpec) -> Operation:
    return Operation(operation_type=type, parameters=parameters)


SIZES = ParameterSpec(
    name="filter_size", parameter_type="categorical", feasible_space=FeasibleSpace(list=("3", "5"))
)
STRIDE = ParameterSpec(
    name="stride", parameter_type="int", feasible_space=FeasibleSpace(min="1", max="2", step="1")
)
POOL = ParameterSpec(
    name="pool_size", parameter_type="int", feasible_space=FeasibleSpace(min="2", max="3", step="1")
)


def test_enas_gives_two_architectures_after_two_trials(service: Service) -> None:
    operations = [an_operation("convolution", STRIDE), an_operation("reduction", POOL)]
    experiment = an_architecture("enas", operations)
    first = service.ask(experiment, 2, 2)
    trials = [a_trial(experiment, f"t-{n}", one, "0.6") for n, one in enumerate(first)]
    second = service.ask(experiment, 2, 4, trials)
    assert [list(one) for one in (*first, *second)] == [["architecture", "nn_config"]] * 4


def test_darts_hands_over_its_settings_and_the_search_space(service: Service) -> None:
    operations = [an_operation("separable_convolution", SIZES)]
    experiment = an_architecture("darts", operations, num_epoch="10")
    assert service.validate(experiment) is None
    (given,) = service.ask(experiment, 1, 1)
    settings = json.loads(given["algorithm-settings"].replace("'", '"'))
    assert str(settings["num_epoch"]) == "10"
    assert given["num-layers"] == "3"
    assert json.loads(given["search-space"].replace("'", '"')) == [
        "separable_convolution_3x3",
        "separable_convolution_5x5",
    ]


DARTS = {
    "num_epochs": "0",
    "w_lr": "-0.1",
    "alpha_weight_decay": "-0.02",
    "w_momentum": "-0.8",
    "batch_size": "0",
    "print_step": "0",
}


@pytest.mark.parametrize("name", DARTS)
def test_darts_refuses_a_setting(service: Service, name: str) -> None:
    operations = [an_operation("separable_convolution", SIZES)]
    refused = service.validate(an_architecture("darts", operations, **{name: DARTS[name]}))
    assert refused is not None
    assert refused.code is INVALID
    assert name in refused.details


def test_darts_takes_a_batch_of_none(service: Service) -> None:
    operations = [an_operation("separable_convolution", SIZES)]
    assert service.validate(an_architecture("darts", operations, batch_size="None")) is None


OPERATIONS: dict[str, Operation] = {
    "without a type": an_operation("", SIZES),
    "with a parameter without a name": an_operation("convolution", replace(SIZES, name="")),
    "with a parameter without a type": an_operation(
        "convolution", replace(SIZES, parameter_type="")
    ),
    "with a categorical parameter without a list": an_operation(
        "convolution", replace(SIZES, feasible_space=FeasibleSpace())
    ),
    "with an int without bounds": an_operation(
        "convolution", replace(STRIDE, feasible_space=FeasibleSpace())
    ),
    "with a double without step": an_operation(
        "convolution",
        replace(STRIDE, parameter_type="double", feasible_space=FeasibleSpace(min="1", max="2")),
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_enas_refuses_an_operation(service: Service, operation: Operation) -> None:
    refused = service.validate(an_architecture("enas", [operation]))
    assert refused is not None
    assert refused.code is INVALID


# Validation

ACCEPTED: dict[str, Experiment] = {
    "optuna: tpe": searched("tpe", n_startup_trials="5", n_ei_candidates="24", random_state="1"),
    "optuna: multivariate-tpe": searched(
        "multivariate-tpe", n_startup_trials="5", n_ei_candidates="24", random_state="1"
    ),
    "optuna: cmaes of two ints": searched(
        "cmaes", two_ints(), restart_strategy="ipop", sigma="0.1", random_state="10"
    ),
    "optuna: random": searched("random", random_state="10"),
    "optuna: grid of five ints, five trials": searched(
        "grid", an_experiment().with_parameter("x", "int", min="1", max="5").with_trials(5)
    ),
    "hyperopt: tpe": searched(
        "tpe", random_state="10", gamma="0.25", prior_weight="1.0", n_EI_candidates="24"
    ),
    "skopt: everything": searched(
        "bayesianoptimization",
        base_estimator="GP",
        n_initial_points="10",
        acq_func="gp_hedge",
        acq_optimizer="auto",
        random_state="10",
    ),
    "hyperband: the resource is a parameter": searched(
        "hyperband",
        an_experiment()
        .with_parameter("epochs", "int", min="1", max="9")
        .with_parameter("x", min="0", max="1"),
        r_l="9",
        resource_name="epochs",
    ),
}
REFUSED: dict[str, tuple[Experiment, str]] = {
    "optuna: an algorithm of another name": (
        searched("invalid"),
        "unknown algorithm name invalid",
    ),
    "optuna: tpe with an unknown setting": (
        searched("tpe", invalid="1"),
        "unknown setting invalid for algorithm tpe",
    ),
    "optuna: tpe with fewer than no startup trials": (
        searched("tpe", n_startup_trials="-1"),
        "n_startup_trials should be greate or equal than zero",
    ),
    "optuna: tpe with a misspelt setting": (
        searched("tpe", n_ei_candidate="24"),
        "unknown setting n_ei_candidate for algorithm tpe",
    ),
    "optuna: tpe with a negative random_state": (
        searched("tpe", random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "optuna: cmaes with an unknown setting": (
        searched("cmaes", two_ints(), unknown="1"),
        "unknown setting unknown for algorithm cmaes",
    ),
    "optuna: cmaes with an unknown restart_strategy": (
        searched("cmaes", two_ints(), restart_strategy="invalid"),
        "restart_strategy invalid is not supported in CMAES optimization",
    ),
    "optuna: cmaes with a negative sigma": (
        searched("cmaes", two_ints(), sigma="-10"),
        "sigma should be greate or equal than zero",
    ),
    "optuna: cmaes with a negative random_state": (
        searched("cmaes", two_ints(), random_state="-20"),
        "random_state should be greate or equal than zero",
    ),
    "optuna: cmaes of a single parameter": (
        searched("cmaes"),
        "CMA-ES only supports two or more dimensional continuous search space.",
    ),
    "optuna: random with an unknown setting": (
        searched("random", invalid="1"),
        "unknown setting invalid for algorithm random",
    ),
    "optuna: random with a negative random_state, of which Katib said nothing": (
        searched("random", random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "optuna: grid with an unknown setting": (
        searched("grid", two_ints(), invalid="1"),
        "unknown setting invalid for algorithm grid",
    ),
    "optuna: grid with a negative random_state, of which Katib said nothing": (
        searched("grid", two_ints(), random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "optuna: grid with a double without step": (
        searched("grid"),
        "failed to validate parameters(lr): Param lr step is nil; For discrete search space, all "
        "parameters must include step",
    ),
    "optuna: grid with 26 trials for 25 points": (
        searched("grid", two_ints().with_trials(26)),
        "Max Trial Count: 26 > all possible search combinations: 25",
    ),
    "hyperopt: an algorithm of another name": (
        searched("unknown"),
        "unknown algorithm name unknown",
    ),
    "hyperopt: random with an unknown setting": (
        searched("random", unknown_conf="1111"),
        "unknown setting unknown_conf for algorithm random",
    ),
    "hyperopt: gamma above 1": (
        searched("tpe", gamma="1.5"),
        "gamma should be in the range of (0, 1)",
    ),
    "hyperopt: no points to compare": (
        searched("tpe", n_EI_candidates="0"),
        "n_EI_candidates should be great than zero",
    ),
    "hyperopt: a negative random_state": (
        searched("tpe", random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "skopt: an algorithm of another name": (
        searched("unknown"),
        "unknown algorithm name unknown",
    ),
    "skopt: an unknown setting": (
        searched("bayesianoptimization", unknown_conf="1"),
        "unknown setting unknown_conf for algorithm bayesianoptimization",
    ),
    "skopt: an unknown model": (
        searched("bayesianoptimization", base_estimator="unknown estimator"),
        "base_estimator unknown estimator is not supported in Bayesian optimization",
    ),
    "skopt: fewer than no initial points": (
        searched("bayesianoptimization", n_initial_points="-1"),
        "n_initial_points should be great or equal than zero",
    ),
    "skopt: an unknown acquisition function": (
        searched("bayesianoptimization", acq_func="unknown"),
        "acq_func unknown is not supported in Bayesian optimization",
    ),
    "skopt: an unknown optimizer": (
        searched("bayesianoptimization", acq_optimizer="unknown"),
        "acq_optimizer unknown is not supported in Bayesian optimization",
    ),
    "skopt: a negative random_state": (
        searched("bayesianoptimization", random_state="-1"),
        "random_state should be great or equal than zero",
    ),
    "hyperband: a resource that is no parameter, which Katib's own test of assignments gives": (
        searched("hyperband", four(), r_l="10", resource_name="--num-epochs"),
        "value of resource_name setting must be in parameters.",
    ),
    "hyperband: without its settings": (
        searched("hyperband", four()),
        "r_l and resource_name must be set.",
    ),
}


@pytest.mark.parametrize("experiment", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_accepted(service: Service, experiment: Experiment) -> None:
    assert service.validate(experiment) is None
    assert service.ask(experiment, 1, 1)


@pytest.mark.parametrize(("experiment", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(service: Service, experiment: Experiment, words: str) -> None:
    refused = service.validate(experiment)
    assert refused is not None
    assert refused.code is INVALID
    # What is known and legal comes after Katib's words.
    assert re.match(f"{re.escape(words)}($|[,;] )", refused.details), refused.details


def test_a_number_that_is_none_is_told_with_its_name(service: Service) -> None:
    refused = service.validate(searched("tpe", prior_weight="aaa"))
    assert refused is not None
    assert refused.code is INVALID
    assert refused.details.startswith("failed to validate prior_weight(aaa): ")


def test_everything_that_is_wrong_is_told_at_once(service: Service) -> None:
    builder = (
        an_experiment()
        .with_parameter("x", min="2", max="1")
        .with_parameter("n", "int", min="1", max="5", step="0.8")
    )
    refused = service.validate(searched("tpe", builder, gamma="2", typo="1", random_state="-1"))
    assert refused is not None
    known = "unknown setting typo for algorithm tpe; known: random_state ("
    assert refused.details.startswith(known)
    assert refused.details.endswith(
        "; random_state should be great or equal than zero; gamma should be in the range of (0, 1)"
        '; parameter "x": feasibleSpace.min 2 is above feasibleSpace.max 1; parameter "n": '
        "feasibleSpace.step 0.8 is not a whole number, as an int needs"
    )
