"""What a task is: a search space, a loss, how noisy it is seen, and how good it can get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.search.space import Config, Space, random_config

#: As many points by chance say what the middle of a task is.
REFERENCE_POINTS = 1000

Loss = Callable[[Config], float]
#: What is observed instead of the true loss: of a configuration and a source of chance.
Observed = Callable[[Config, np.random.Generator], float]


@dataclass(frozen=True)
class Task:
    """One search space with one loss; tasks that are made with another seed have other optima.

    Attributes:
        space: the parameters.
        true: the loss without noise, to be made small.
        best: a configuration that nothing is better than.
        observed: the loss with noise; without it, the true one is seen.
    """

    space: Space
    true: Loss
    best: Config
    observed: Observed | None = None

    @property
    def optimum(self) -> float:
        """The best true loss that there is."""
        return self.true(self.best)

    def loss(self, config: Config, rng: np.random.Generator) -> tuple[float, float]:
        """What is observed, and what is true."""
        true = self.true(config)
        return (true if self.observed is None else self.observed(config, rng)), true

    def median(self) -> float:
        """The true loss of the middle one of many random points."""
        rng = np.random.default_rng(20)
        losses = [self.true(random_config(self.space, rng)) for _ in range(REFERENCE_POINTS)]
        return float(np.median(losses))


#: Makes a task's instance for a seed.
Maker = Callable[[int], Task]


@dataclass(frozen=True)
class Suite:
    """Tasks by name, in groups: a task's group is what its name begins with.

    Attributes:
        makers: name → how the task is made for a seed.
    """

    makers: Mapping[str, Maker]

    @property
    def groups(self) -> list[str]:
        """In the order of the tasks."""
        return list(dict.fromkeys(group_of(name) for name in self.makers))


def group_of(name: str) -> str:
    """The class of a task: ``analytic``, ``mixed``, ``table`` or ``noisy``."""
    return name.partition("/")[0]


def with_noise(task: Task, share: float) -> Task:
    """The same task, seen through normal noise.

    Args:
        task: one without noise.
        share: the noise's standard deviation, as a share of the way from the optimum to the median.
    """
    deviation = share * (task.median() - task.optimum)

    def observed(config: Config, rng: np.random.Generator) -> float:
        return task.true(config) + deviation * rng.standard_normal()

    return replace(task, observed=observed)


def noisy(maker: Maker, share: float) -> Maker:
    """The same tasks, seen through noise."""
    return lambda seed: with_noise(maker(seed), share)
