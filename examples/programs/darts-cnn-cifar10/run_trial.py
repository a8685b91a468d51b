"""Stands for the image ``darts-cnn-cifar10``: a search over mixed edges, on an error of our own.

Every edge of a cell mixes all operations by a soft-max of its own numbers, as in Liu, Simonyan and
Yang, "DARTS", 2019, equation 2. The numbers follow the gradient of an error to which each operation
adds a fixed part; the two best edges of each node make the genotype.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Genotype(NamedTuple):
    """For each node of a cell its operations and their sources, and which nodes are joined."""

    normal: list[list[tuple[str, int]]]
    normal_concat: range
    reduce: list[list[tuple[str, int]]]
    reduce_concat: range


def read_json(text: str) -> Any:
    """JSON as Katib hands it over: single quotes for double ones, and perhaps quotes around all."""
    return json.loads(text.strip('"').replace("'", '"'))


def softmax(numbers: Sequence[float]) -> list[float]:
    powers = [math.exp(number - max(numbers)) for number in numbers]
    return [power / sum(powers) for power in powers]


class Cell:
    """The edges of one kind of cell.

    Args:
        operations: what each edge chooses from.
        nodes: how many there are; node ``i`` has an edge from each of the ``i + 2`` before it.
        chance: the first numbers, and what each operation is good for on each edge.
    """

    def __init__(self, operations: Sequence[str], nodes: int, chance: random.Random) -> None:
        self._operations = operations
        shape = [(node, source) for node in range(nodes) for source in range(node + 2)]
        self._alphas = {edge: [1e-3 * chance.gauss(0, 1) for _ in operations] for edge in shape}
        self._errors = {edge: [chance.random() for _ in operations] for edge in shape}
        self._nodes = nodes

    def train(self, lr: float) -> float:
        """One epoch of fifty steps; the mean error of the edges."""
        for _ in range(50):
            total = 0.0
            for edge, alphas in self._alphas.items():
                shares, errors = softmax(alphas), self._errors[edge]
                error = sum(share * one for share, one in zip(shares, errors, strict=True))
                total += error / len(self._alphas)
                for index, share in enumerate(shares):
                    alphas[index] -= lr * share * (errors[index] - error)
        return total

    def best(self) -> list[list[tuple[str, int]]]:
        """For each node its two best edges, and the best operation of each."""
        chosen = []
        for node in range(self._nodes):
            sources = sorted(range(node + 2), key=lambda one: -max(self._alphas[node, one]))[:2]
            chosen.append([(self._name(node, source), source) for source in sources])
        return chosen

    def _name(self, node: int, source: int) -> str:
        alphas = self._alphas[node, source]
        return self._operations[alphas.index(max(alphas))]


def search(settings: Mapping[str, Any], operations: Sequence[str], layers: int) -> Genotype:
    """Print a genotype for each epoch; the last one is the best, as the error only falls."""
    chance, nodes = random.Random(2), int(settings["num_nodes"])
    normal = Cell(operations, nodes, chance)
    # A network of one layer has no cell that reduces.
    reduce = Cell(operations, nodes if layers > 1 else 0, chance)
    joined = range(2, 2 + nodes)
    found = Genotype(normal.best(), joined, reduce.best(), joined)
    for epoch in range(int(settings["num_epochs"])):
        error = normal.train(float(settings["w_lr"]))
        reduce.train(float(settings["w_lr"]))
        found = Genotype(normal.best(), joined, reduce.best(), joined)
        print(f"Epoch {epoch}: error {error:.4f}, genotype = {found}", flush=True)
    return found


def main() -> None:
    flags = parse_flags()
    found = search(
        read_json(flags.algorithm_settings),
        read_json(flags.search_space),
        int(flags.num_layers.strip('"')),
    )
    # The filter of the example takes what has no blanks around its equals sign.
    print(f"Best-Genotype={str(found).replace(' ', '')}", flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm-settings", required=True, help="numbers of the search")
    parser.add_argument("--search-space", required=True, help="the operations' names")
    parser.add_argument("--num-layers", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
