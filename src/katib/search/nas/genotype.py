"""Genotypes: the texts by which trials of DARTS say what they have found.

Such as ``Genotype(normal=[[('skip_connection',0),('max_pooling_3x3',1)]],normal_concat=range(2,3),
reduce=[],reduce_concat=range(2,3))``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

#: An operation and where it takes its input from: 0 and 1 are the two cells before, 2 and up the
#: nodes of the cell itself.
Edge = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Genotype:
    """What two kinds of cells are made of.

    Attributes:
        normal: for each node of a cell that keeps the size, its edges.
        normal_joined: which nodes the cell's output is made of.
        reduce: the same for a cell that halves it; without any nodes in a network of one layer.
        reduce_joined: the same.
    """

    normal: Sequence[Sequence[Edge]]
    normal_joined: Sequence[int]
    reduce: Sequence[Sequence[Edge]]
    reduce_joined: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Genotype:
        """What a text says.

        Raises:
            ValueError: it is no genotype, or a node takes its input from one that comes later.
        """
        try:
            call = ast.parse(text.strip(), mode="eval").body
            if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Genotype"):
                raise ValueError("it does not begin with Genotype(")
            given = {one.arg: _literal(one.value) for one in call.keywords}
            normal, reduce = (
                msgspec.convert(given[name], tuple[tuple[Edge, ...], ...])
                for name in ("normal", "reduce")
            )
            joined = [
                msgspec.convert(given[f"{name}_concat"], tuple[int, ...])
                for name in ("normal", "reduce")
            ]
        except KeyError as error:
            raise ValueError(f"{text} is no genotype: it has no {error.args[0]}") from error
        except (SyntaxError, ValueError, msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"{text} is no genotype: {error}") from error
        for nodes in (normal, reduce):
            for number, edges in enumerate(nodes):
                if any(not 0 <= source < number + 2 for _, source in edges):
                    raise ValueError(f"{text} is no genotype: node {number + 2} precedes its input")
        return cls(normal, joined[0], reduce, joined[1])


def _literal(node: ast.expr) -> object:
    """A literal, or a range of two literals."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
        first, end = map(ast.literal_eval, node.args)
        return list(range(first, end))
    return ast.literal_eval(node)
