"""What can be asked for: the algorithms that come with Katib, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from katib.api import names
from katib.api.experiment import (
    AlgorithmSpec,
    Experiment,
    ExperimentSpec,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    ObjectiveSpec,
    Operation,
    ParameterSpec,
)
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.search.settings import Setting, listening
from katib.search.stopping import STOPPING_RULES
from katib.search.stopping.rule import StoppingAlgorithm

__all__ = [
    "Setting",
    "list_algorithms",
    "list_algorithm_settings",
    "list_stopping_algorithms",
    "list_stopping_settings",
]


def list_algorithms() -> Sequence[str]:
    """The names of the search algorithms that are installed here, plug-ins too."""
    return list(ALGORITHMS)


def list_stopping_algorithms() -> Sequence[str]:
    """The names of the early stopping algorithms that are installed here, plug-ins too."""
    return list(STOPPING_RULES)


@lru_cache
def list_algorithm_settings(name: str) -> Sequence[Setting]:
    """The settings of a search algorithm; none of one that is not installed here.

    The algorithm is loaded, which may take a moment.
    """
    return _settings_read(ALGORITHMS.load(name)) if name in ALGORITHMS else ()


@lru_cache
def list_stopping_settings(name: str) -> Sequence[Setting]:
    """As :func:`list_algorithm_settings`, of an early stopping algorithm."""
    return _settings_read(STOPPING_RULES.load(name)) if name in STOPPING_RULES else ()


def _settings_read(algorithm: type[Algorithm] | type[StoppingAlgorithm]) -> Sequence[Setting]:
    """What an algorithm reads when it judges experiments that name no setting."""
    found: dict[str, Setting] = {}
    for experiment in _probes():
        with listening() as heard:
            try:
                algorithm.validate(experiment)
            except SettingsError:
                # It may want another search space, or settings that must be given: it has read.
                pass
        found |= {name: heard[name] for name in heard if name not in found}
    return tuple(found.values())


def _probes() -> Sequence[Experiment]:
    """One with parameters, and one with an architecture."""
    space = FeasibleSpace(min="1", max="4", step="1")
    numbers = tuple(
        ParameterSpec(name=name, parameter_type=names.INT, feasible_space=space) for name in "xy"
    )
    operation = Operation(operation_type="convolution", parameters=numbers[:1])
    outline = GraphConfig(num_layers=1, input_sizes=(8,), output_sizes=(2,))
    spaces: Sequence[Mapping[str, object]] = (
        {"parameters": numbers},
        {"nas_config": NasConfig(graph_config=outline, operations=(operation,))},
    )
    objective = ObjectiveSpec(type=names.MINIMIZE, objective_metric_name="loss")
    return [
        Experiment(
            spec=ExperimentSpec(
                objective=objective,
                algorithm=AlgorithmSpec(algorithm_name="probe"),
                early_stopping=AlgorithmSpec(algorithm_name="probe"),
                parallel_trial_count=1,
                max_trial_count=4,
                **space,  # type: ignore[arg-type]  # each of its own type
            )
        )
        for space in spaces
    ]
