"""Functions of numbers to tune on.

Their optima: Surjanovic and Bingham, "Virtual Library of Simulation Experiments". Every one is
defined on all of R^n and has no better value anywhere than the one given.
"""

from __future__ import annotations

import numpy as np

from bench.search.analytic import Floats, Landscape


def sphere(x: Floats) -> float:
    return float(np.sum(x**2))


def powers(x: Floats) -> float:
    """The sum of different powers."""
    return float(np.sum(np.abs(x) ** np.linspace(2, 4, x.size)))


def dixon_price(x: Floats) -> float:
    later = np.arange(2, x.size + 1) * (2 * x[1:] ** 2 - x[:-1]) ** 2
    return float((x[0] - 1) ** 2 + np.sum(later))


def griewank(x: Floats) -> float:
    waves = np.prod(np.cos(x / np.sqrt(np.arange(1, x.size + 1))))
    return float(1 + np.sum(x**2) / 4000 - waves)


def alpine(x: Floats) -> float:
    return float(np.sum(np.abs(x * np.sin(x) + 0.1 * x)))


def styblinski_tang(x: Floats) -> float:
    return float(0.5 * np.sum(x**4 - 16 * x**2 + 5 * x))


def camel(x: Floats) -> float:
    """Three humps."""
    return float(2 * x[0] ** 2 - 1.05 * x[0] ** 4 + x[0] ** 6 / 6 + x[0] * x[1] + x[1] ** 2)


def goldstein_price(x: Floats) -> float:
    """In two dimensions; many powers of ten from the best to the worst."""
    a, b = x
    one = (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    other = (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return float((1 + one) * (30 + other))


def shekel(x: Floats) -> float:
    """In four dimensions; ten narrow holes in a plain."""
    return float(-np.sum(1 / (((x[:, None] - _HOLES) ** 2).sum(0) + _WIDTHS)))


def zakharov(x: Floats) -> float:
    """A narrow plate."""
    tilt = np.sum(0.5 * np.arange(1, x.size + 1) * x)
    return float(np.sum(x**2) + tilt**2 + tilt**4)


def powell(x: Floats) -> float:
    """Four by four; flat at the bottom."""
    a, b, c, d = x.reshape(-1, 4).T
    terms = (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4
    return float(np.sum(terms))


def hartmann(x: Floats) -> float:
    """In three dimensions."""
    scales, centres = _HARTMANN
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(scales * (x - centres) ** 2, axis=1)))


_HARTMANN = (
    np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    1e-4
    * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
)

SPHERE = Landscape(sphere, -5, 5, 0)
POWERS = Landscape(powers, -1, 1, 0)
GRIEWANK = Landscape(griewank, -8, 8, 0)
ALPINE = Landscape(alpine, -6, 6, 0)
STYBLINSKI_TANG = Landscape(styblinski_tang, -5, 5, -2.903534)
CAMEL = Landscape(camel, -3, 3, 0)
HARTMANN_3 = Landscape(hartmann, 0, 1, (0.114614, 0.555649, 0.852547))


def _dixon_price(dimensions: int) -> Landscape:
    powers = 2.0 ** np.arange(1, dimensions + 1)
    return Landscape(dixon_price, -3, 3, tuple(2 ** -((powers - 2) / powers)))


DIXON_PRICE_5 = _dixon_price(5)
_HOLES = np.array(
    [
        [4, 1, 8, 6, 3, 2, 5, 8, 6, 7],
        [4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6],
        [4, 1, 8, 6, 3, 2, 5, 8, 6, 7],
        [4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6],
    ]
)
_WIDTHS = np.array([1, 2, 2, 4, 4, 6, 3, 7, 5, 5]) / 10

GOLDSTEIN_PRICE = Landscape(goldstein_price, -2, 2, (0, -1))
SHEKEL = Landscape(shekel, 0, 10, (4.000747, 4.000593, 3.999663, 3.999510))
ZAKHAROV = Landscape(zakharov, -5, 5, 0)
POWELL = Landscape(powell, -4, 4, 0)
