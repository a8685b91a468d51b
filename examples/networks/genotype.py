"""What a search by gradients finds: the operations of a cell's nodes, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

#: An operation and its source: 0 and 1 are the two cells before, 2 and up the nodes of this one.
Edge = tuple[str, int]


class Genotype(NamedTuple):
    """For each node of a cell its operations and their sources, and which nodes are joined."""

    normal: list[list[Edge]]
    normal_concat: range
    reduce: list[list[Edge]]
    reduce_concat: range

    @property
    def text(self) -> str:
        """As a metric: without blanks, so that the filter for it takes nothing else."""
        return str(self).replace(" ", "")


def best_edges(alphas: Sequence[Tensor], operations: Sequence[str]) -> list[list[Edge]]:
    """For each node its two best edges, each with its best operation.

    Args:
        alphas: for each node the numbers of its edges' operations, of which the last is no
            operation at all and never chosen. (edges, operations + 1)
        operations: their names, without that one.
    """
    nodes = []
    for numbers in alphas:
        values, places = numbers[:, : len(operations)].max(dim=1)
        order: list[int] = values.argsort(descending=True, stable=True)[:2].tolist()
        nodes.append([(operations[int(places[edge])], edge) for edge in order])
    return nodes
