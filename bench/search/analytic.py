"""Test functions of numbers, moved at random so that no optimum is in the centre or in a corner.

The functions and their optima: Surjanovic and Bingham, "Virtual Library of Simulation Experiments".
Every one is defined on all of R^n and has no better value anywhere than the one given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.search.space import Config, double
from bench.search.task import Task

Floats = NDArray[np.float64]
Function = Callable[[Floats], float]


@dataclass(frozen=True)
class Landscape:
    """A function that is to be made small.

    Attributes:
        function: of a point.
        low: where its usual range begins, alike for all coordinates.
        high: where that ends.
        best: a point where it has its least value, one number for all coordinates or one for each.
    """

    function: Function
    low: float
    high: float
    best: float | tuple[float, ...]


def moved(landscape: Landscape, dimensions: int, seed: int, is_turned: bool = False) -> Task:
    """A task whose optimum lies, in every coordinate, well off the centre and the ends.

    Args:
        landscape: the function.
        dimensions: how many parameters.
        seed: decides where the optimum is moved to.
        is_turned: also turn the function around its optimum, so that parameters interact.
    """
    rng = np.random.default_rng([seed, dimensions, 1])
    side = rng.choice([-1.0, 1.0], dimensions)
    places = 0.5 + side * rng.uniform(0.08, 0.38, dimensions)
    target = landscape.low + places * (landscape.high - landscape.low)
    best = np.broadcast_to(np.array(landscape.best), (dimensions,))
    turn = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]
    names = [f"x{number}" for number in range(dimensions)]

    def true(config: Config) -> float:
        away = np.array([float(config[name]) for name in names]) - target
        return landscape.function(best + (turn @ away if is_turned else away))

    space = [double(name, landscape.low, landscape.high) for name in names]
    return Task(space, true, dict(zip(names, map(float, target), strict=True)))


def sphere(x: Floats) -> float:
    return float(np.sum(x**2))


def ellipsoid(x: Floats) -> float:
    """Some parameters matter a thousand times as much as others."""
    return float(np.sum(10 ** (-3 * np.arange(x.size) / (x.size - 1)) * x**2))


def powers(x: Floats) -> float:
    """The sum of different powers."""
    return float(np.sum(np.abs(x) ** np.linspace(2, 4, x.size)))


def rosenbrock(x: Floats) -> float:
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def dixon_price(x: Floats) -> float:
    later = np.arange(2, x.size + 1) * (2 * x[1:] ** 2 - x[:-1]) ** 2
    return float((x[0] - 1) ** 2 + np.sum(later))


def sum_squares(x: Floats) -> float:
    return float(np.sum(np.arange(1, x.size + 1) * x**2))


def rastrigin(x: Floats) -> float:
    return float(10 * x.size + np.sum(x**2 - 10 * np.cos(2 * np.pi * x)))


def ackley(x: Floats) -> float:
    waves = np.exp(np.mean(np.cos(2 * np.pi * x)))
    return float(20 - 20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) + np.e - waves)


def griewank(x: Floats) -> float:
    waves = np.prod(np.cos(x / np.sqrt(np.arange(1, x.size + 1))))
    return float(1 + np.sum(x**2) / 4000 - waves)


def levy(x: Floats) -> float:
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle + last)


def alpine(x: Floats) -> float:
    return float(np.sum(np.abs(x * np.sin(x) + 0.1 * x)))


def styblinski_tang(x: Floats) -> float:
    return float(0.5 * np.sum(x**4 - 16 * x**2 + 5 * x))


def branin(x: Floats) -> float:
    bend = x[1] - 5.1 / (4 * np.pi**2) * x[0] ** 2 + 5 / np.pi * x[0] - 6
    return float(bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x[0]) + 10)


def camel(x: Floats) -> float:
    """Three humps."""
    return float(2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2)


def hartmann(x: Floats) -> float:
    """In three or in six dimensions."""
    scales, centres = _HARTMANN[x.size]
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(scales * (x - centres) ** 2, axis=1)))


_HARTMANN = {
    3: (
        np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
        1e-4
        * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
    ),
    6: (
        np.array(
            [
                [10, 3, 17, 3.5, 1.7, 8],
                [0.05, 10, 17, 0.1, 8, 14],
                [3, 3.5, 1.7, 10, 17, 8],
                [17, 8, 0.05, 10, 0.1, 14],
            ]
        ),
        1e-4
        * np.array(
            [
                [1312, 1696, 5569, 124, 8283, 5886],
                [2329, 4135, 8307, 3736, 1004, 9991],
                [2348, 1451, 3522, 2883, 3047, 6650],
                [4047, 8828, 8732, 5743, 1091, 381],
            ]
        ),
    ),
}

BRANIN = Landscape(branin, -5, 10, (np.pi, 2.275))
CAMEL = Landscape(camel, -3, 3, 0)
HARTMANN_3 = Landscape(hartmann, 0, 1, (0.114614, 0.555649, 0.852547))
HARTMANN_6 = Landscape(hartmann, 0, 1, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573))
ROSENBROCK = Landscape(rosenbrock, -2, 2, 1)
RASTRIGIN = Landscape(rastrigin, -3, 3, 0)
ACKLEY = Landscape(ackley, -10, 10, 0)
ELLIPSOID = Landscape(ellipsoid, -5, 5, 0)
POWERS = Landscape(powers, -1, 1, 0)
SUM_SQUARES = Landscape(sum_squares, -5, 5, 0)
GRIEWANK = Landscape(griewank, -8, 8, 0)
LEVY = Landscape(levy, -8, 8, 1)
ALPINE = Landscape(alpine, -6, 6, 0)
STYBLINSKI_TANG = Landscape(styblinski_tang, -5, 5, -2.903534)
SPHERE = Landscape(sphere, -5, 5, 0)


def _dixon_price(dimensions: int) -> Landscape:
    powers = 2.0 ** np.arange(1, dimensions + 1)
    return Landscape(dixon_price, -3, 3, tuple(2 ** -((powers - 2) / powers)))


DIXON_PRICE_5 = _dixon_price(5)
