"""Record the tables: train every configuration of every grid in each fold. Minutes of one core.

::

    OMP_NUM_THREADS=1 .venv/bin/python -m bench.search.make_tables [NAME ...]

Needs scikit-learn, whose own data sets are used. An error is a share of wrong classes, or the mean
squared error as a share of the target's variance. Tables that are not named are kept.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from bench.search.space import Config
from bench.search.tables import FILE, config_of, size_of
from bench.search.tasks import GRIDS

FOLDS = 4
Array = NDArray[Any]
#: What is trained and what it is judged by: inputs and targets of both.
Fold = tuple[Array, Array, Array, Array]
#: Trains one configuration; a grid whose last parameter needs no training of its own answers for
#: all of its values at once.
Trainer = Callable[[Config, Fold], "float | list[float]"]


def main() -> None:
    names = sys.argv[1:] or list(GRIDS)
    kept: dict[str, Array] = {}
    if FILE.exists():
        with np.load(FILE) as recorded:
            kept = {name: recorded[name] for name in recorded.files if name in GRIDS}
    warnings.simplefilter("ignore")
    for name in names:
        started = time.monotonic()
        kept[name] = record(name)
        spread = np.quantile(kept[name].mean(1), [0, 0.1, 0.5, 1]).round(4)
        print(f"{name}: {len(kept[name])} rows, {time.monotonic() - started:.0f} s, {spread}")
        np.savez_compressed(FILE, allow_pickle=False, **kept)


def record(name: str) -> Array:  # (n_configurations, FOLDS)
    """Every configuration's error in each fold."""
    grid, (train, split) = GRIDS[name], TRAINERS[name]
    at_once = (grid[-1].size or 1) if name in AT_ONCE else 1
    columns: list[list[float]] = []
    for fold in split():
        errors: list[float] = []
        for row in range(0, size_of(grid), at_once):
            errors += np.atleast_1d(train(config_of(grid, row), fold)).tolist()
        columns.append(errors)
    return np.array(columns, dtype=np.float32).round(5).T


# Data


def classes(load: Callable[..., Any], limit: int = 700) -> Iterator[Fold]:
    inputs, targets = load(return_X_y=True)
    inputs, targets = inputs[:limit], targets[:limit]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    for train, test in folds.split(inputs, targets):
        yield inputs[train], targets[train], inputs[test], targets[test]


def numbers() -> Iterator[Fold]:
    inputs, targets = load_diabetes(return_X_y=True, scaled=False)
    for train, test in KFold(FOLDS, shuffle=True, random_state=1).split(inputs):
        yield inputs[train], targets[train], inputs[test], targets[test]


def scaled(scaling: Any, fold: Fold) -> Fold:
    train, train_targets, test, test_targets = fold
    if scaling == "none":
        return fold
    scaler = (StandardScaler() if scaling == "standard" else MinMaxScaler()).fit(train)
    return scaler.transform(train), train_targets, scaler.transform(test), test_targets


def error_rate(predicted: Array, fold: Fold) -> float:
    return float(np.mean(predicted != fold[3]))


def unexplained(predicted: Array, fold: Fold) -> float:
    """The squared error as a share of the variance; what has diverged is no worse than 10."""
    return float(min(np.mean((predicted - fold[3]) ** 2) / np.var(fold[3]), 10.0))


# What is trained


def svm(config: Config, fold: Fold) -> float:
    fold = scaled(config["scaling"], fold)
    c, gamma = 2.0 ** int(config["log2_c"]), 2.0 ** int(config["log2_gamma"])
    machine = SVC(C=c, gamma=gamma, kernel=config["kernel"], max_iter=20_000)
    return error_rate(machine.fit(fold[0], fold[1]).predict(fold[2]), fold)


def boosting(config: Config, fold: Fold) -> list[float]:
    """All numbers of trees at once: the first trees are the same."""
    shape: dict[str, Any] = {
        "learning_rate": 10.0 ** float(config["log10_learning_rate"]),
        "max_depth": config["depth"],
        "subsample": config["subsample"],
        "n_estimators": 90,
        "random_state": 1,
    }
    features = None if config["features"] == "all" else config["features"]
    classifier = GradientBoostingClassifier(max_features=features, **shape).fit(fold[0], fold[1])
    stages = [error_rate(guess, fold) for guess in classifier.staged_predict(fold[2])]
    return stages[9::20]


def mlp(config: Config, fold: Fold) -> float:
    fold = scaled("standard", fold)
    network = MLPClassifier(
        [2 ** int(config["log2_width"])] * int(config["layers"]),
        activation=config["activation"],
        learning_rate_init=10.0 ** float(config["log10_learning_rate"]),
        alpha=10.0 ** int(config["log10_decay"]),
        batch_size=32,
        max_iter=15,
        random_state=1,
    )
    return error_rate(network.fit(fold[0], fold[1]).predict(fold[2]), fold)


def forest(config: Config, fold: Fold) -> list[float]:
    """All numbers of trees at once."""
    regressor = RandomForestRegressor(
        n_estimators=16,
        max_depth=config["depth"],
        min_samples_leaf=2 ** int(config["log2_leaf"]),
        max_features=config["features"],
        bootstrap=config["sampling"] == "bootstrap",
        random_state=1,
    ).fit(fold[0], fold[1])
    guesses = np.array([tree.predict(fold[2]) for tree in regressor.estimators_])
    return [unexplained(guesses[: 2**power].mean(0), fold) for power in range(5)]


def extra_trees(config: Config, fold: Fold) -> list[float]:
    """All numbers of trees at once."""
    classifier = ExtraTreesClassifier(
        n_estimators=32,
        max_depth=config["depth"],
        max_features=2 ** int(config["log2_features"]),
        min_samples_split=2 ** int(config["log2_split"]),
        criterion=config["criterion"],
        random_state=1,
    ).fit(fold[0], fold[1])
    chances = np.array([tree.predict_proba(fold[2]) for tree in classifier.estimators_])
    return [
        error_rate(classifier.classes_[chances[: 2**power].mean(0).argmax(1)], fold)
        for power in range(1, 6)
    ]


def neighbours(config: Config, fold: Fold) -> list[float]:
    """All numbers of neighbours at once: the nearest are the same."""
    fold = scaled(config["scaling"], fold)
    projection = PCA(int(config["components"]), random_state=1).fit(fold[0])
    train, test = projection.transform(fold[0]), projection.transform(fold[2])
    distances = pairwise_distances(test, train, metric=str(config["distance"]))
    order = np.argsort(distances, axis=1, kind="stable")[:, :15]
    near = np.take_along_axis(distances, order, axis=1)
    weights = np.ones_like(near) if config["weights"] == "uniform" else 1 / (near + 1e-9)
    votes = weights[:, :, None] * (fold[1][order][:, :, None] == np.arange(10))
    return [error_rate(votes[:, :count].sum(1).argmax(1), fold) for count in range(1, 16, 2)]


def kernel_ridge(config: Config, fold: Fold) -> float:
    fold = scaled(config["scaling"], fold)
    machine = KernelRidge(
        alpha=10.0 ** float(config["log10_alpha"]),
        gamma=10.0 ** float(config["log10_gamma"]),
        kernel=config["kernel"],
    )
    mean = fold[1].mean()
    return unexplained(machine.fit(fold[0], fold[1] - mean).predict(fold[2]) + mean, fold)


def tree(config: Config, fold: Fold) -> float:
    classifier = DecisionTreeClassifier(
        max_depth=config["depth"],
        min_samples_leaf=2 ** int(config["log2_leaf"]),
        min_samples_split=2 ** int(config["log2_split"]),
        criterion=config["criterion"],
        max_features=None if config["features"] == "all" else config["features"],
        random_state=1,
    )
    return error_rate(classifier.fit(fold[0], fold[1]).predict(fold[2]), fold)


def elastic(config: Config, fold: Fold) -> float:
    train, targets, test, test_targets = fold
    powers = PolynomialFeatures(int(config["degree"]), include_bias=False).fit(train)
    fold = powers.transform(train), targets, powers.transform(test), test_targets
    fold = scaled(config["scaling"], fold)
    machine = ElasticNet(
        alpha=10.0 ** float(config["log10_alpha"]), l1_ratio=float(config["ratio"]), max_iter=300
    )
    return unexplained(machine.fit(fold[0], fold[1]).predict(fold[2]), fold)


AT_ONCE = {
    "boosting-cancer",
    "forest-diabetes",
    "extra-trees-digits",
    "neighbours-digits",
}
TRAINERS: Mapping[str, tuple[Trainer, Callable[[], Iterator[Fold]]]] = {
    "svm-digits": (svm, lambda: classes(load_digits)),
    "boosting-cancer": (boosting, lambda: classes(load_breast_cancer)),
    "mlp-wine": (mlp, lambda: classes(load_wine)),
    "forest-diabetes": (forest, numbers),
    "neighbours-digits": (neighbours, lambda: classes(load_digits, 1797)),
    "extra-trees-digits": (extra_trees, lambda: classes(load_digits)),
    "kernel-ridge-diabetes": (kernel_ridge, numbers),
    "tree-cancer": (tree, lambda: classes(load_breast_cancer)),
    "elastic-diabetes": (elastic, numbers),
}


if __name__ == "__main__":
    main()
