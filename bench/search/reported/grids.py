"""The grids of the recorded tasks that are reported."""

from __future__ import annotations

from collections.abc import Mapping

from bench.search.space import Space, double, integer, words

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
}
