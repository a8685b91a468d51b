"""Hyperband's schedule: how many configurations, with how much of the resource, in which order.

L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: A Novel Bandit-Based
Approach to Hyperparameter Optimization", JMLR 18 (2018), algorithm 1. Numbers of survivors are
rounded up, as Katib does, where the paper rounds down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Rung:
    """Configurations that are run with the same resource and then compared.

    Attributes:
        bracket: s of the paper: how often the configurations of this bracket are sieved in all.
        number: i of the paper: how often they have been sieved before.
        size: how many configurations there are, when none has failed.
        resource: how much each may use.
    """

    bracket: int
    number: int
    size: int
    resource: Fraction


@dataclass(frozen=True, slots=True)
class Schedule:
    """The brackets of Hyperband, from the one that sieves most to the one that does not sieve.

    Attributes:
        largest: R of the paper, the most resource that one configuration may use.
        smallest: the least that says anything.
        eta: of how many configurations one survives a rung.
    """

    largest: Fraction
    smallest: Fraction
    eta: Fraction

    @property
    def most_rungs(self) -> int:
        """s_max of the paper: how many times ``smallest`` can grow by ``eta`` up to ``largest``."""
        count, resource = 0, self.smallest * self.eta
        while resource <= self.largest:
            count, resource = count + 1, resource * self.eta
        return count

    def brackets(self) -> Iterator[int]:
        """Every s, in the order they are run."""
        return iter(range(self.most_rungs, -1, -1))

    def size(self, bracket: int) -> int:
        """How many configurations a bracket begins with."""
        return math.ceil(Fraction(self.most_rungs + 1, bracket + 1) * self.eta**bracket)

    def resource(self, level: int) -> Fraction:
        """What a configuration may use that is to be sieved ``level`` times more."""
        return self.largest * self.eta**-level

    def rungs(self, bracket: int) -> Iterator[Rung]:
        """The rungs of a bracket, in order."""
        size = self.size(bracket)
        for number in range(bracket + 1):
            yield Rung(bracket, number, size, self.resource(bracket - number))
            size = math.ceil(size / self.eta)
