"""Test functions of numbers, moved at random so that no optimum is in the centre or in a corner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.search.space import Config, double
from bench.search.task import Maker, Task

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


def moving(landscape: Landscape, dimensions: int, is_turned: bool = False) -> Maker:
    """The tasks of all seeds."""
    return lambda seed: moved(landscape, dimensions, seed, is_turned)


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
