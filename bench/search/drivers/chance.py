"""Random search, the measure of all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.search.space import Config, Space, random_config


def make(space: Space, option: str, seed: int, trials: int) -> Chance:
    return Chance(space, seed)


class Chance:
    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._rng = space, np.random.default_rng([seed, 3])

    def ask(self, count: int) -> list[Config]:
        return [random_config(self._space, self._rng) for _ in range(count)]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        pass
