"""The controller's weights: one vector for what trains them, and named parts for what uses them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from katib.search.history import Floats

_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class Outline:
    """How large the controller is.

    Attributes:
        layers: of the networks it makes.
        operations: how many a layer has to choose from.
        hidden: how many numbers its state has.
    """

    layers: int
    operations: int
    hidden: int

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each part of the weights, in the order in which the vector holds them."""
        hidden = self.hidden
        return {
            "lstm": (2 * hidden, 4 * hidden),
            "start": (hidden,),
            "embeddings": (self.operations, hidden),
            "operations": (hidden, self.operations),
            "past": (hidden, hidden),
            "present": (hidden, hidden),
            "attention": (hidden,),
        }

    @property
    def size(self) -> int:
        """How many numbers the weights are."""
        return sum(math.prod(shape) for shape in self.shapes.values())


@dataclass(frozen=True, slots=True)
class Weights:
    """Views on one vector; to write into a part is to write into the vector.

    Attributes:
        lstm: from input and state, one after the other, to the gates input, forget, output and
            new content. (2 hidden, 4 hidden)
        start: the first input. (hidden,)
        embeddings: the input after an operation was chosen. (operations, hidden)
        operations: from the state to a logit for each operation. (hidden, operations)
        past: what attention sees of an earlier layer. (hidden, hidden)
        present: what attention sees of the layer itself. (hidden, hidden)
        attention: from what it sees to one number. (hidden,)
    """

    lstm: Floats
    start: Floats
    embeddings: Floats
    operations: Floats
    past: Floats
    present: Floats
    attention: Floats

    @classmethod
    def over(cls, vector: Floats, outline: Outline) -> Weights:
        """The parts of a vector of :attr:`Outline.size` numbers."""
        parts: dict[str, Floats] = {}
        begin = 0
        for name, shape in outline.shapes.items():
            end = begin + math.prod(shape)
            parts[name] = vector[begin:end].reshape(shape)
            begin = end
        return cls(**parts)


def first_weights(outline: Outline, seed: int) -> Floats:
    """The vector that training starts from: uniform between -0.01 and 0.01."""
    draw = Random(f"{seed}:weights").random
    units = np.array([draw() for _ in range(outline.size)], dtype=np.float64)
    return _SPREAD * (2 * units - 1)
