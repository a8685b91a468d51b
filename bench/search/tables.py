"""Real tuning tasks as tables: every configuration's validation error in each fold, recorded.

``make_tables.py`` records them. The last parameter of a grid turns fastest. Numbers with a wide
range stand as exponents.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.search.space import Config, Space
from bench.search.task import Maker, Task

FILE = Path(__file__).resolve().parent / "tables.npz"


@cache
def errors_of(name: str) -> NDArray[np.float64]:  # (n_configurations, n_folds)
    """The recorded validation errors, a row for each point of the grid."""
    with np.load(FILE) as tables:
        return np.asarray(tables[name], dtype=np.float64)


def recorded(name: str, grid: Space, is_noisy: bool = False) -> Maker:
    """A table's task; the seed changes nothing but what chance does.

    With noise, the error in one fold is observed that is drawn anew each time; true is always the
    mean of all folds.
    """

    def make(seed: int) -> Task:
        errors = errors_of(name)
        if len(errors) != size_of(grid):
            raise ValueError(f"{name}: {len(errors)} rows for {size_of(grid)} configurations")
        means = errors.mean(axis=1)

        def observed(config: Config, rng: np.random.Generator) -> float:
            return float(rng.choice(errors[row_of(grid, config)]))

        def true(config: Config) -> float:
            return float(means[row_of(grid, config)])

        best = config_of(grid, int(means.argmin()))
        return Task(grid, true, best, observed if is_noisy else None)

    return make


def size_of(grid: Space) -> int:
    """How many configurations a grid has."""
    return math.prod(parameter.size or 0 for parameter in grid)


def row_of(grid: Space, config: Config) -> int:
    """Which row of a table a configuration is."""
    row = 0
    for parameter in grid:
        row = row * (parameter.size or 0) + parameter.index(config[parameter.name])
    return row


def config_of(grid: Space, row: int) -> Config:
    """The configuration of a row."""
    config: Config = {}
    for parameter in reversed(grid):
        row, index = divmod(row, parameter.size or 0)
        config[parameter.name] = parameter.value(index)
    return {parameter.name: config[parameter.name] for parameter in grid}
