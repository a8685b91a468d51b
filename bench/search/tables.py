"""Real tuning tasks as tables: every configuration's validation error in each fold, recorded.

``make_tables.py`` records them. The grids are here, since both must agree on the order of rows: the
last parameter turns fastest. Numbers with a wide range stand as exponents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.search.space import Config, Space, double, integer, words

FILE = Path(__file__).resolve().parent / "tables.npz"

GRIDS: Mapping[str, Space] = {
    "svm-digits": (
        words("scaling", "none", "standard", "minmax"),
        words("kernel", "rbf", "poly", "sigmoid"),
        integer("log2_c", -5, 6),
        integer("log2_gamma", -12, -1),
    ),
    "boosting-cancer": (
        double("log10_learning_rate", -2.5, 0.0, step=0.5),
        integer("depth", 1, 4),
        double("subsample", 0.4, 1.0, step=0.3),
        words("features", "sqrt", "all"),
        integer("trees", 10, 90, step=20),
    ),
    "mlp-wine": (
        integer("log2_width", 2, 5),
        integer("layers", 1, 3),
        double("log10_learning_rate", -4.0, -1.0, step=0.5),
        integer("log10_decay", -5, 1, step=2),
        words("activation", "relu", "tanh"),
    ),
    "forest-diabetes": (
        integer("depth", 1, 11, step=2),
        integer("log2_leaf", 0, 5),
        double("features", 0.2, 1.0, step=0.2),
        words("sampling", "bootstrap", "all"),
        integer("log2_trees", 0, 4),
    ),
    "neighbours-digits": (
        words("scaling", "none", "standard", "minmax"),
        integer("components", 4, 32, step=4),
        words("distance", "euclidean", "manhattan", "chebyshev", "cosine"),
        words("weights", "uniform", "distance"),
        integer("neighbours", 1, 15, step=2),
    ),
    "extra-trees-digits": (
        integer("depth", 2, 14, step=2),
        integer("log2_features", 0, 6),
        integer("log2_split", 1, 4),
        words("criterion", "gini", "entropy"),
        integer("log2_trees", 1, 5),
    ),
    # For tuning only.
    "kernel-ridge-diabetes": (
        words("kernel", "rbf", "laplacian", "polynomial", "sigmoid"),
        double("log10_alpha", -3.0, 2.0, step=0.5),
        double("log10_gamma", -4.0, 1.0, step=0.5),
        words("scaling", "none", "standard"),
    ),
    "tree-cancer": (
        integer("depth", 1, 8),
        integer("log2_leaf", 0, 5),
        integer("log2_split", 1, 5),
        words("criterion", "gini", "entropy"),
        words("features", "sqrt", "all"),
    ),
    "elastic-diabetes": (
        integer("degree", 1, 2),
        words("scaling", "standard", "minmax"),
        double("log10_alpha", -4.0, 1.0, step=0.5),
        double("ratio", 0.0, 1.0, step=0.1),
    ),
}


@cache
def errors_of(name: str) -> NDArray[np.float64]:  # (n_configurations, n_folds)
    """The recorded validation errors, a row for each point of the grid."""
    with np.load(FILE) as recorded:
        errors: NDArray[np.float64] = recorded[name].astype(np.float64)
    if len(errors) != size_of(GRIDS[name]):
        raise ValueError(f"{name}: {len(errors)} rows for {size_of(GRIDS[name])} configurations")
    return errors


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
