"""HEBO; it knows nothing of running trials, and makes the points of one batch differ itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from bench.search.space import Config, Parameter, Space, Value


def make(space: Space, option: str, seed: int, trials: int) -> HeboDriver:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    # It draws from the global sources of chance.
    np.random.seed(seed)
    torch.manual_seed(seed)
    return HeboDriver(space, seed)


class HeboDriver:
    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        designed = DesignSpace().parse([_designed(one) for one in space])
        self._optimizer = HEBO(designed, scramble_seed=seed)

    def ask(self, count: int) -> list[Config]:
        rows = self._optimizer.suggest(n_suggestions=count).to_dict("records")
        return [{one.name: _value(one, row[one.name]) for one in self._space} for row in rows]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        rows = [{one.name: _inner(one, row[one.name]) for one in self._space} for row in configs]
        self._optimizer.observe(pandas.DataFrame(rows), np.array(losses).reshape(-1, 1))


def _is_counted(parameter: Parameter) -> bool:
    """Whether it is an int that counts steps."""
    return parameter.kind != "categorical" and parameter.step != 0 and not parameter.is_log


def _designed(parameter: Parameter) -> dict[str, Any]:
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.kind == "categorical":
        return {"name": name, "type": "cat", "categories": list(parameter.choices)}
    if _is_counted(parameter):
        return {"name": name, "type": "int", "lb": 0, "ub": (parameter.size or 1) - 1}
    if parameter.kind == "int":
        return {"name": name, "type": "pow_int", "lb": int(low), "ub": int(high), "base": 10}
    kind = {"type": "pow", "base": 10} if parameter.is_log else {"type": "num"}
    return {"name": name, "lb": low, "ub": high, **kind}


def _value(parameter: Parameter, found: Any) -> Value:
    if parameter.kind == "categorical":
        return str(found)
    if _is_counted(parameter):
        return parameter.value(int(found))
    number = min(max(float(found), parameter.low), parameter.high)
    return round(number) if parameter.kind == "int" else number


def _inner(parameter: Parameter, value: Value) -> Value:
    return parameter.index(value) if _is_counted(parameter) else value
