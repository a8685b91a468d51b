"""All tasks: those that are reported, and others to tune algorithms on.

They are disjoint in function, space and data. Whoever tunes on a reported one makes the report
worthless.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.search import analytic as a
from bench.search import mixed, tables
from bench.search.analytic import Landscape, moved
from bench.search.space import Config
from bench.search.task import Maker, Suite, Task, with_noise


def _moved(landscape: Landscape, dimensions: int, is_turned: bool = False) -> Maker:
    return partial(moved, landscape, dimensions, is_turned=is_turned)


def _noisy(maker: Maker, share: float) -> Maker:
    return lambda seed: with_noise(maker(seed), share)


def recorded(name: str, seed: int, is_noisy: bool = False) -> Task:
    """A table's task; the seed changes nothing but what chance does.

    With noise, the error in one fold is observed that is drawn anew each time; true is always the
    mean of all folds.
    """
    grid, errors = tables.GRIDS[name], tables.errors_of(name)
    means = errors.mean(axis=1)

    def observed(config: Config, rng: np.random.Generator) -> float:
        return float(rng.choice(errors[tables.row_of(grid, config)]))

    def true(config: Config) -> float:
        return float(means[tables.row_of(grid, config)])

    best = tables.config_of(grid, int(means.argmin()))
    return Task(grid, true, best, observed if is_noisy else None)


REPORTED = Suite(
    {
        "analytic/branin-2": _moved(a.BRANIN, 2),
        "analytic/rosenbrock-4": _moved(a.ROSENBROCK, 4),
        "analytic/hartmann-6": _moved(a.HARTMANN_6, 6),
        "analytic/rastrigin-5": _moved(a.RASTRIGIN, 5),
        "analytic/ackley-10": _moved(a.ACKLEY, 10),
        "analytic/ellipsoid-20": _moved(a.ELLIPSOID, 20),
        "mixed/network-10": mixed.network,
        "mixed/boosting-12": mixed.boosting,
        "mixed/kernel-5": mixed.kernel,
        "mixed/pipeline-8": mixed.pipeline,
        "table/svm-digits": partial(recorded, "svm-digits"),
        "table/boosting-cancer": partial(recorded, "boosting-cancer"),
        "table/mlp-wine": partial(recorded, "mlp-wine"),
        "table/forest-diabetes": partial(recorded, "forest-diabetes"),
        "table/neighbours-digits": partial(recorded, "neighbours-digits"),
        "noisy/levy-4": _noisy(_moved(a.LEVY, 4), 0.05),
        "noisy/sum-squares-8": _noisy(_moved(a.SUM_SQUARES, 8, is_turned=True), 0.1),
        "noisy/plant-9": _noisy(mixed.plant, 0.1),
        "noisy/extra-trees-digits": partial(recorded, "extra-trees-digits", is_noisy=True),
    }
)

TUNING = Suite(
    {
        "analytic/camel-2": _moved(a.CAMEL, 2),
        "analytic/hartmann-3": _moved(a.HARTMANN_3, 3),
        "analytic/dixon-price-5": _moved(a.DIXON_PRICE_5, 5),
        "analytic/styblinski-tang-7": _moved(a.STYBLINSKI_TANG, 7),
        "analytic/sphere-9": _moved(a.SPHERE, 9),
        "analytic/powers-15": _moved(a.POWERS, 15, is_turned=True),
        "mixed/words-8": mixed.words_only,
        "mixed/schedule-7": mixed.schedule,
        "table/kernel-ridge-diabetes": partial(recorded, "kernel-ridge-diabetes"),
        "table/tree-cancer": partial(recorded, "tree-cancer"),
        "table/elastic-diabetes": partial(recorded, "elastic-diabetes"),
        "noisy/griewank-6": _noisy(_moved(a.GRIEWANK, 6, is_turned=True), 0.1),
        "noisy/alpine-4": _noisy(_moved(a.ALPINE, 4), 0.15),
        "noisy/schedule-7": _noisy(mixed.schedule, 0.1),
    }
)

SUITES = {"reported": REPORTED, "tuning": TUNING}
