"""Made-up tuning tasks: what is known of real ones, with an optimum that is known exactly.

The loss is 0 at the optimum and a sum of terms that are never negative, so nothing is better. What
is the best number may depend on a word, as a learning rate does on the optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bench.search.space import Config, Parameter, Space, double, integer, words
from bench.search.task import Task


class Surface:
    """Where the optimum of a space lies, for a seed, and how far other points are from it.

    Args:
        space: the parameters.
        seed: decides the best word of every categorical, and the best place of every number.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._rng = np.random.default_rng([seed, len(space), 2])
        self._space: Mapping[str, Parameter] = {one.name: one for one in space}
        self.best: Config = {one.name: self._place(one) for one in space}
        self._costs = {one.name: self._spread(one) for one in space if one.kind == "categorical"}

    def away(self, config: Config, name: str, shift: float = 0.0) -> float:
        """How far a number is from its best place: a share of its range, with a sign.

        ``shift`` moves the best place, inwards when it would leave the range.
        """
        parameter = self._space[name]
        best = parameter.unit(self.best[name])
        if not 0.05 <= best + shift <= 0.95:
            shift = -shift
        return parameter.unit(config[name]) - best - shift

    def cost(self, config: Config, name: str) -> float:
        """What a word costs: 0 for the best one, up to 1 for the worst."""
        return self._costs[name][str(config[name])]

    def rank(self, config: Config, name: str) -> int:
        """How many steps a word is, in the order of the list, behind the best one."""
        choices = self._space[name].choices
        return (choices.index(str(config[name])) - choices.index(str(self.best[name]))) % len(
            choices
        )

    def is_best(self, config: Config, *names: str) -> bool:
        """Whether all of these words are the best ones."""
        return all(config[name] == self.best[name] for name in names)

    def _place(self, parameter: Parameter) -> float | int | str:
        side = self._rng.choice([-1.0, 1.0])
        return parameter.at(0.5 + side * self._rng.uniform(0.08, 0.38))

    def _spread(self, parameter: Parameter) -> dict[str, float]:
        others = [word for word in parameter.choices if word != self.best[parameter.name]]
        costs = np.linspace(0.15, 1.0, len(others))[self._rng.permutation(len(others))]
        return {str(self.best[parameter.name]): 0.0, **dict(zip(others, costs, strict=True))}


def _made(space: Space, seed: int, shape: Callable[[Surface, Config], float]) -> Task:
    surface = Surface(space, seed)
    return Task(space, lambda config: shape(surface, config), surface.best)


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

    return _made(space, seed, shape)


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

    return _made(space, seed, shape)


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

    return _made(space, seed, shape)


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

    return _made(space, seed, shape)


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

    return _made(space, seed, shape)


def words_only(seed: int) -> Task:
    """For tuning: words and few numbers, every one by itself."""
    space = [
        *(words(f"w{number}", *"abcde"[: 2 + number % 4]) for number in range(6)),
        double("rate", 1e-5, 1e1, is_log=True),
        integer("size", 1, 300, is_log=True),
    ]

    def shape(surface: Surface, config: Config) -> float:
        total = sum(surface.cost(config, f"w{number}") / (1 + number) for number in range(6))
        rate, size = surface.away(config, "rate"), surface.away(config, "size")
        return float(total + 2 * (rate + 0.5 * size) ** 2 + 0.5 * size**2)

    return _made(space, seed, shape)


def schedule(seed: int) -> Task:
    """For tuning: a learning rate schedule, numbers of all kinds with a valley and a cliff."""
    space = [
        double("peak", 1e-5, 1e-1, is_log=True),
        double("floor", 1e-8, 1e-3, is_log=True),
        integer("warmup", 0, 2000, step=100),
        integer("steps", 100, 20000, is_log=True),
        double("beta", 0.5, 0.999),
        words("shape", "cosine", "linear", "constant", "step"),
        double("unused", -1.0, 1.0),
    ]

    def shape(surface: Surface, config: Config) -> float:
        peak, steps = surface.away(config, "peak"), surface.away(config, "steps")
        total = 1.5 * (peak + 0.7 * steps) ** 2 + 0.4 * steps**2
        total += 1.0 if peak > 0.25 else 0.0
        total += 0.3 * abs(surface.away(config, "warmup")) + 0.2 * surface.away(config, "beta") ** 2
        if surface.rank(config, "shape") < 2:
            total += 0.3 * surface.away(config, "floor") ** 2
        return float(total + 0.5 * surface.cost(config, "shape"))

    return _made(space, seed, shape)
