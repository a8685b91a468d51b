"""Made-up tuning tasks that are reported."""

from __future__ import annotations

import numpy as np

from bench.search.space import Config, double, integer, words
from bench.search.surface import Surface, made
from bench.search.task import Task


def network(seed: int) -> Task:
    """Training a network: the best learning rate depends on the optimiser and the batch size."""
    space = [
        double("learning_rate", 1e-5, 1.0, is_log=True),
        integer("batch", 8, 512, is_log=True),
        integer("layers", 1, 8),
        integer("width", 16, 1024, is_log=True),
        double("dropout", 0.0, 0.6, step=0.1),
        double("decay", 1e-6, 1e-1, is_log=True),
        double("momentum", 0.0, 0.99),
        words("optimizer", "adam", "sgd", "rmsprop", "adagrad"),
        words("activation", "relu", "gelu", "tanh"),
        double("unused", 0.0, 1.0),
    ]

    def shape(surface: Surface, config: Config) -> float:
        batch = surface.away(config, "batch")
        shift = 0.12 * surface.rank(config, "optimizer")
        rate = surface.away(config, "learning_rate", shift) - 0.4 * batch
        width, layers = surface.away(config, "width"), surface.away(config, "layers")
        total = 3 * (1 - np.exp(-12 * rate**2)) + 0.4 * batch**2
        total += 0.8 * (width + 0.6 * layers) ** 2 + 0.3 * layers**2
        total += 0.5 * surface.away(config, "dropout") ** 2
        total += 0.3 * surface.away(config, "decay") ** 2
        if surface.is_best(config, "optimizer"):
            total += 0.4 * surface.away(config, "momentum") ** 2
        total += 0.25 * surface.cost(config, "optimizer") + 0.1 * surface.cost(config, "activation")
        return float(total)

    return made(space, seed, shape)


def boosting(seed: int) -> Task:
    """Boosted trees: a low learning rate needs many trees, and deep trees overfit."""
    space = [
        integer("trees", 20, 2000, is_log=True),
        double("learning_rate", 1e-3, 1.0, is_log=True),
        integer("depth", 1, 14),
        integer("leaf", 1, 200, is_log=True),
        double("rows", 0.3, 1.0, step=0.05),
        double("columns", 0.3, 1.0, step=0.05),
        double("alpha", 1e-8, 10.0, is_log=True),
        double("lambda", 1e-8, 10.0, is_log=True),
        words("growth", "depthwise", "lossguide"),
        words("booster", "gbtree", "dart", "gblinear"),
        integer("bins", 16, 512, step=16),
        integer("seed", 0, 1000),
    ]

    def shape(surface: Surface, config: Config) -> float:
        work = surface.away(config, "trees") + surface.away(config, "learning_rate")
        balance = surface.away(config, "trees") - surface.away(config, "learning_rate")
        depth, leaf = surface.away(config, "depth"), surface.away(config, "leaf")
        total = 4 * work**2 + 0.3 * balance**2
        total += 1.5 * np.maximum(depth - 0.8 * leaf, 0) + 0.8 * np.maximum(0.8 * leaf - depth, 0)
        total += 0.3 * leaf**2
        for name, weight in (("rows", 0.4), ("columns", 0.6), ("alpha", 0.05), ("lambda", 0.15)):
            total += weight * surface.away(config, name) ** 2
        total += 0.1 * surface.cost(config, "growth") + surface.cost(config, "booster")
        return float(total)

    return made(space, seed, shape)


def kernel(seed: int) -> Task:
    """A kernel machine: each kernel has a narrow valley of its own in two numbers."""
    space = [
        words("kernel", "linear", "rbf", "poly", "laplacian", "matern"),
        double("c", 1e-3, 1e4, is_log=True),
        double("gamma", 1e-6, 1e2, is_log=True),
        integer("degree", 1, 6),
        words("scaling", "none", "standard", "minmax", "quantile"),
    ]

    def shape(surface: Surface, config: Config) -> float:
        turn = 0.11 * surface.rank(config, "kernel")
        c, gamma = surface.away(config, "c", turn), surface.away(config, "gamma", -turn)
        valley = 1 - np.exp(-40 * (c + gamma) ** 2 - 4 * (c - gamma) ** 2)
        total = (
            valley + 0.5 * surface.cost(config, "kernel") + 0.3 * surface.cost(config, "scaling")
        )
        if surface.is_best(config, "kernel"):
            total += 0.3 * abs(surface.away(config, "degree"))
        return float(total)

    return made(space, seed, shape)


def pipeline(seed: int) -> Task:
    """A pipeline of steps: mostly words, some of which are good only together."""
    space = [
        words("imputer", "mean", "median", "knn", "drop"),
        words("encoder", "onehot", "target", "ordinal"),
        words("scaler", "none", "standard", "minmax", "robust", "power"),
        words("selector", "none", "variance", "mutual", "lasso", "pca", "rfe"),
        words("model", "ridge", "forest", "boosting", "svm", "knn", "mlp"),
        words("loss", "squared", "absolute", "huber"),
        integer("features", 1, 64, is_log=True),
        double("strength", 1e-4, 1e2, is_log=True),
    ]

    def shape(surface: Surface, config: Config) -> float:
        total = 1.0 * surface.cost(config, "model") + 0.25 * surface.cost(config, "imputer")
        total += 0.3 * surface.cost(config, "encoder") + 0.1 * surface.cost(config, "loss")
        pairs = (("scaler", "model", 0.5), ("selector", "scaler", 0.4))
        for one, other, weight in pairs:
            is_pair = (surface.rank(config, one) == 0) == (surface.rank(config, other) == 0)
            total += weight * (surface.cost(config, one) + (0.0 if is_pair else 0.5))
        shift = 0.08 * surface.rank(config, "model")
        total += 2 * surface.away(config, "strength", shift) ** 2
        total += 0.8 * abs(surface.away(config, "features", -shift))
        return float(total)

    return made(space, seed, shape)


def plant(seed: int) -> Task:
    """Settings of a machine: whole numbers of very different ranges, and two that never matter."""
    space = [
        integer("valves", 1, 9),
        integer("speed", 100, 5000, step=50),
        integer("pressure", 1, 1000, is_log=True),
        integer("cycle", 0, 100),
        double("temperature", 20.0, 95.0, step=0.5),
        double("flow", 0.1, 30.0),
        words("recipe", "a", "b", "c"),
        integer("shift", 1, 3),
        double("colour", 0.0, 1.0),
    ]

    def shape(surface: Surface, config: Config) -> float:
        speed, pressure = surface.away(config, "speed"), surface.away(config, "pressure")
        flow, heat = surface.away(config, "flow"), surface.away(config, "temperature")
        ripple = 0.15 * (1 - np.cos(6 * np.pi * flow))
        total = 2 * (speed - pressure) ** 2 + 0.6 * (speed + pressure) ** 2 + ripple
        total += 1.2 * (flow + 0.5 * heat) ** 2 + 0.5 * heat**2
        total += (
            0.4 * abs(surface.away(config, "valves")) + 0.2 * surface.away(config, "cycle") ** 2
        )
        return float(total + 0.4 * surface.cost(config, "recipe"))

    return made(space, seed, shape)
