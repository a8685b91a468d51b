"""Made-up tuning tasks: what is known of real ones, with an optimum that is known exactly.

The loss is 0 at the optimum and a sum of terms that are never negative, so nothing is better. What
is the best number may depend on a word, as a learning rate does on the optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bench.search.space import Config, Parameter, Space
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


def made(space: Space, seed: int, shape: Callable[[Surface, Config], float]) -> Task:
    surface = Surface(space, seed)
    return Task(space, lambda config: shape(surface, config), surface.best)
