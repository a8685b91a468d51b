"""What a model sees of a point: its places where they have an order, a column for each word else.

Words are all as far from each other as the ends of a range are. Where a column for each would be
too many, columns stand for halves of the words, drawn once: two words are as far from each other
as before, but for some chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from katib.search.history import Floats
from katib.search.parameter import Parameter
from katib.search.space import SearchSpace

#: Parameters of more ordered values than this are searched as if there were no end of them.
_MOST_VALUES = 256

#: Of those, values with more than one of so many parts of the range are told apart nevertheless:
#: all places that stand for one are the same trial.
_PARTS = 1024


class Features:
    """Turns points of the unit cube into what models work with, and rounds them to values.

    Args:
        space: whose points.
        most_columns: of one parameter, if it should not have one for each word.
    """

    def __init__(self, space: SearchSpace, most_columns: int | None = None) -> None:
        self._parameters = space.parameters
        self._edges = {
            number: _edges(parameter)
            for number, parameter in enumerate(space.parameters)
            if _is_counted(parameter)
        }
        self._wide = {
            number: _wide(parameter)
            for number, parameter in enumerate(space.parameters)
            if parameter.size is not None and number not in self._edges
        }
        self.places: Mapping[int, Floats] = {
            number: np.array([parameter.unit(parameter.value(i)) for i in range(len(edges))])
            for number, edges in self._edges.items()
            for parameter in [space.parameters[number]]
        }
        groups: list[int] = []
        self._columns: list[int] = []
        self._codes: dict[int, Floats] = {}  # number: (n_words, n_columns)
        for number, parameter in enumerate(space.parameters):
            self._columns.append(len(groups))
            if not parameter.is_ordered:
                self._codes[number] = _codes(parameter.size or 1, most_columns)
            groups += [number] * (1 if parameter.is_ordered else self._codes[number].shape[1])
        self.groups = np.array(groups, dtype=np.intp)  # (n_features,), the parameter of each

    @property
    def parameters(self) -> int:
        """How many there are."""
        return len(self._parameters)

    @property
    def free(self) -> Sequence[int]:
        """The parameters that are searched without steps, by number."""
        return [number for number in range(len(self._parameters)) if number not in self._edges]

    def is_ordered(self, number: int) -> bool:
        """Whether neighbouring places of a parameter are alike."""
        return self._parameters[number].is_ordered

    def column(self, number: int) -> int:
        """The feature of a parameter that has an order."""
        return self._columns[number]

    def index(self, number: int, places: Floats) -> NDArray[np.intp]:
        """Which of its values, from 0 on, a parameter has at those places."""
        found = np.searchsorted(self._edges[number], places, side="right") - 1
        return np.clip(found, 0, len(self._edges[number]) - 1)

    def rounded(self, units: Floats) -> Floats:
        """The places that values stand at, next to (n_points, n_parameters) on the unit cube.

        Where values are too close to matter, places stay as they are.
        """
        result = units.copy()
        for number, places in self.places.items():
            result[:, number] = places[self.index(number, units[:, number])]
        for number, shares in self._wide.items():
            result[:, number] = _middles(shares, units[:, number])
        return result

    def encode(self, units: Floats) -> Floats:
        """(n_points, n_parameters) on the unit cube as (n_points, n_features)."""
        result = np.zeros((len(units), len(self.groups)))
        for number, first in enumerate(self._columns):
            if self.is_ordered(number):
                result[:, first] = units[:, number]
            else:
                codes = self._codes[number][self.index(number, units[:, number])]
                result[:, first : first + codes.shape[1]] = codes
        return result


def _is_counted(parameter: Parameter) -> bool:
    return not parameter.is_ordered or (parameter.size or math.inf) <= _MOST_VALUES


def _codes(words: int, most_columns: int | None) -> Floats:
    """What each word is in the columns of its parameter: (n_words, n_columns)."""
    if most_columns is None or words <= most_columns:
        return np.eye(words) * math.sqrt(0.5)
    random = np.random.default_rng(words)
    halves = [random.permutation(words) % 2 for _ in range(most_columns)]
    return np.stack(halves, axis=1).astype(np.float64) * math.sqrt(2 / most_columns)


def _edges(parameter: Parameter) -> Floats:
    count = parameter.size or 1
    return np.array([parameter.share(parameter.value(index))[0] for index in range(count)])


def _wide(parameter: Parameter) -> Floats:
    """Both ends of the shares that are wider than a part, in order: (n_shares, 2)."""
    values = {parameter.value_at((part + 0.5) / _PARTS) for part in range(_PARTS)}
    shares = np.array(sorted(parameter.share(value) for value in values))
    return np.asarray(shares[np.diff(shares)[:, 0] > 1 / _PARTS])


def _middles(shares: Floats, places: Floats) -> Floats:
    """The middle of the share that each of these places lies in, or the place itself."""
    if not len(shares):
        return places
    lows, highs = shares[np.searchsorted(shares[1:, 0], places, side="right")].T
    is_inside = (lows <= places) & (places <= highs)
    return np.where(is_inside, (lows + highs) / 2, places)
