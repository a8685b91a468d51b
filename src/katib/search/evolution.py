"""CMA-ES on the unit cube: the distribution, what changes it, and when it starts over.

N. Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, in the package ``cmaes``. Restarts: A.
Auger and N. Hansen, "A Restart CMA Evolution Strategy With Increasing Population Size" (IPOP),
2005; N. Hansen, "Benchmarking a BI-Population CMA-ES on the BBOB-2009 Function Testbed", 2009.
Words have no order and are learnt beside it: S. Baluja, "Population-Based Incremental Learning",
1994.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Protocol

import numpy as np

from katib.search.history import Floats, PastTrial, losses_of
from katib.search.parameter import Parameter
from katib.search.space import SearchSpace

#: How far one generation pulls the probabilities of words towards its better half.
_LEARNING_RATE = 0.2

#: The probability that all words together keep, whatever was learnt.
_MARGIN = 0.1


class Cma(Protocol):
    """What is used of ``cmaes.CMA``, which has no types of its own."""

    @property
    def mean(self) -> Floats:
        """The middle of the distribution."""
        ...

    def ask(self) -> Floats:
        """A point of the distribution."""
        ...

    def tell(self, solutions: list[tuple[Floats, float]]) -> None:
        """A whole population, with a loss for each member."""
        ...

    def should_stop(self) -> bool:
        """Whether it has come to an end, by any of the tutorial's criteria (B.3)."""
        ...

    def reseed_rng(self, seed: int) -> None:
        """What is drawn next depends on that seed alone."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How the evolution is carried out.

    Attributes:
        sigma: the first standard deviation, as a share of each parameter's range.
        restarts: ``none``, ``ipop`` or ``bipop``.
    """

    sigma: float
    restarts: str


class Evolution:
    """The distribution after the generations that it was told, and what comes after its end.

    Args:
        space: what is searched; parameters with an order are searched by CMA-ES, the others by
            the probability of each of their words.
        plan: how.
        seed: where it starts again.

    Attributes:
        smallest: the population that it begins with.
        population: how many trials the present generation needs.
        is_over: it has come to its end and may not start again; points are drawn as before.
    """

    def __init__(self, space: SearchSpace, plan: Plan, seed: int) -> None:
        self._parameters, self._plan, self._seed = space.parameters, plan, seed
        self._ordered = [number for number, one in enumerate(space.parameters) if one.is_ordered]
        self.smallest = 4 + math.floor(3 * math.log(len(self._ordered)))  # (eq. 48)
        self._shares: dict[tuple[int, str], tuple[float, float]] = {}
        self._starts = self._large_starts = 0
        # How many trials the large populations of BIPOP have had, and the small ones.
        self._spent = {"large": 0, "small": 0}
        self._regime = "small"
        self.population = self.smallest
        self.is_over = False
        self._start(np.full(len(self._ordered), 0.5))

    @property
    def centre(self) -> Floats:
        """The middle of the distribution: (n_ordered,), unit cube."""
        return self._cma.mean

    def draw(self, random: Random) -> list[float]:
        """A point of the unit cube, the same for the same state of ``random``."""
        self._cma.reseed_rng(random.getrandbits(32))
        coordinates = iter(self._cma.ask().tolist())
        return [
            next(coordinates) if parameter.is_ordered else _drawn(self._words[number], random)
            for number, parameter in enumerate(self._parameters)
        ]

    def tell(self, members: Sequence[PastTrial]) -> None:
        """Take in a generation of ``population`` members, those without a loss last."""
        losses = losses_of(members)
        solutions = [
            (self._coordinates(trial), float(loss))
            for trial, loss in zip(members, losses, strict=True)
        ]
        self._spent[self._regime] += self.population
        # Losses may be as large as floats can be; the criteria compare their differences.
        with np.errstate(all="ignore"):
            self._cma.tell(solutions)
            is_at_end = self._cma.should_stop()
        ranking = np.argsort(losses, kind="stable").tolist()
        self._learn_words([members[place] for place in ranking])
        if is_at_end:
            self._start_again()

    def _coordinates(self, trial: PastTrial) -> Floats:
        """Where the trial lies, a value with a share of the interval anywhere in its share.

        In the middle of it, the distribution would shrink to nothing as soon as a generation had
        but one value.
        """
        random = Random(f"{self._seed}:{trial.name}").random
        places, values = [], trial.values
        for number in self._ordered:
            parameter = self._parameters[number]
            if parameter.size is None:
                places.append(trial.units[number])
                continue
            low, high = self._share(number, values[number])
            places.append(low + random() * (high - low))
        return np.array(places)

    def _share(self, number: int, value: str) -> tuple[float, float]:
        """Looked up: thousands of trials have few values."""
        if (number, value) not in self._shares:
            self._shares[number, value] = self._parameters[number].share(value)
        return self._shares[number, value]

    def _learn_words(self, ranked: Sequence[PastTrial]) -> None:
        half = len(ranked) // 2
        # The weights by which CMA-ES moves its mean (eq. 49 and 53).
        weights = [math.log((len(ranked) + 1) / 2) - math.log(rank + 1) for rank in range(half)]
        for number, chances in self._words.items():
            pulled = [chance * (1 - _LEARNING_RATE) for chance in chances]
            for weight, trial in zip(weights, ranked, strict=False):
                word = int(trial.units[number] * len(chances))
                pulled[word] += _LEARNING_RATE * weight / sum(weights)
            self._words[number] = pulled

    def _start(self, mean: Floats) -> None:
        make = import_module("cmaes").CMA
        self._cma: Cma = make(
            mean=mean,
            sigma=self._plan.sigma,
            bounds=np.tile([0.0, 1.0], (len(mean), 1)),
            population_size=self.population,
            seed=0,
        )
        self._words = {
            number: _equal(parameter)
            for number, parameter in enumerate(self._parameters)
            if not parameter.is_ordered
        }

    def _start_again(self) -> None:
        """From a random point, with the population that the plan says; or never, if it says so."""
        if self._plan.restarts == "none":
            self.is_over = True
            return
        self._starts += 1
        random = Random(f"{self._seed}:start:{self._starts}")
        is_bipop = self._plan.restarts == "bipop"
        if is_bipop and self._spent["small"] < self._spent["large"]:
            self._regime = "small"
            growth = float(2**self._large_starts) ** (random.random() ** 2)
            self.population = math.floor(self.smallest * growth)
        else:
            self._regime = "large"
            self._large_starts += 1
            self.population = self.smallest * 2**self._large_starts
        self._start(np.array([random.random() for _ in self._ordered]))


def _equal(parameter: Parameter) -> list[float]:
    count = parameter.size or 1
    return [1 / count] * count


def _drawn(chances: Sequence[float], random: Random) -> float:
    """The middle of the place of a word drawn by its chance."""
    count = len(chances)
    weights = [(1 - _MARGIN) * chance + _MARGIN / count for chance in chances]
    (word,) = random.choices(range(count), weights)
    return (word + 0.5) / count
