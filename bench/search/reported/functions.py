"""Functions of numbers that are reported.

Their optima: Surjanovic and Bingham, "Virtual Library of Simulation Experiments". Every one is
defined on all of R^n and has no better value anywhere than the one given.
"""

from __future__ import annotations

import numpy as np

from bench.search.analytic import Floats, Landscape


def ellipsoid(x: Floats) -> float:
    """Some parameters matter a thousand times as much as others."""
    return float(np.sum(10 ** (-3 * np.arange(x.size) / (x.size - 1)) * x**2))


def rosenbrock(x: Floats) -> float:
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def sum_squares(x: Floats) -> float:
    return float(np.sum(np.arange(1, x.size + 1) * x**2))


def rastrigin(x: Floats) -> float:
    return float(10 * x.size + np.sum(x**2 - 10 * np.cos(2 * np.pi * x)))


def ackley(x: Floats) -> float:
    waves = np.exp(np.mean(np.cos(2 * np.pi * x)))
    return float(20 - 20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) + np.e - waves)


def levy(x: Floats) -> float:
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle + last)


def branin(x: Floats) -> float:
    bend = x[1] - 5.1 / (4 * np.pi**2) * x[0] ** 2 + 5 / np.pi * x[0] - 6
    return float(bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x[0]) + 10)


def hartmann(x: Floats) -> float:
    """In six dimensions."""
    scales, centres = _HARTMANN
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(scales * (x - centres) ** 2, axis=1)))


_HARTMANN = (
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
)

ELLIPSOID = Landscape(ellipsoid, -5, 5, 0)
ROSENBROCK = Landscape(rosenbrock, -2, 2, 1)
SUM_SQUARES = Landscape(sum_squares, -5, 5, 0)
RASTRIGIN = Landscape(rastrigin, -3, 3, 0)
ACKLEY = Landscape(ackley, -10, 10, 0)
LEVY = Landscape(levy, -8, 8, 1)
BRANIN = Landscape(branin, -5, 10, (np.pi, 2.275))
HARTMANN_6 = Landscape(hartmann, 0, 1, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573))
