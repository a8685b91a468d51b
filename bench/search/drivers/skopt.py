"""scikit-optimize; of several asked at once, it lies to itself about the earlier ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from skopt import Optimizer
from skopt.space import Categorical, Integer, Real

from bench.search.space import Config, Parameter, Space, Value


def make(space: Space, option: str, seed: int, trials: int) -> SkoptDriver:
    warnings.simplefilter("ignore")
    return SkoptDriver(space, option, seed)


class SkoptDriver:
    def __init__(self, space: Space, estimator: str, seed: int) -> None:
        self._space = space
        dimensions = [_dimension(one) for one in space]
        self._optimizer = Optimizer(dimensions, estimator, random_state=seed)

    def ask(self, count: int) -> list[Config]:
        if count == 1:
            points = [self._optimizer.ask()]
        else:
            points = self._optimizer.ask(n_points=count)
        return [
            {one.name: _value(one, found) for one, found in zip(self._space, point, strict=True)}
            for point in points
        ]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        points = [[_inner(one, config[one.name]) for one in self._space] for config in configs]
        self._optimizer.tell(points, [float(loss) for loss in losses])


def _dimension(parameter: Parameter) -> Any:
    prior = "log-uniform" if parameter.is_log else "uniform"
    if parameter.kind == "categorical":
        return Categorical(parameter.choices, name=parameter.name)
    if parameter.step and not parameter.is_log:
        # Counted in steps: it knows none.
        return Integer(0, (parameter.size or 1) - 1, name=parameter.name)
    if parameter.kind == "int":
        return Integer(int(parameter.low), int(parameter.high), prior, name=parameter.name)
    return Real(parameter.low, parameter.high, prior, name=parameter.name)


def _value(parameter: Parameter, found: Any) -> Value:
    if parameter.kind == "categorical":
        return str(found)
    if parameter.step and not parameter.is_log:
        return parameter.value(int(found))
    return int(found) if parameter.kind == "int" else float(found)


def _inner(parameter: Parameter, value: Value) -> Value:
    is_counted = parameter.kind != "categorical" and parameter.step and not parameter.is_log
    return parameter.index(value) if is_counted else value
