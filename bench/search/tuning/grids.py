"""The grids of the recorded tasks to tune on."""

from __future__ import annotations

from collections.abc import Mapping

from bench.search.space import Space, double, integer, words

GRIDS: Mapping[str, Space] = {
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
