"""A network in which every edge of every cell is a mixture of all operations.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from cell_operations import Halved, make_operation, normalised
from genotype import Genotype, best_edges
from torch import Tensor, nn


@dataclass(frozen=True)
class Plan:
    """How large the network is.

    Attributes:
        operations: the names of what each edge chooses from.
        layers: how many cells there are.
        nodes: of a cell.
        channels: of a node in the first cell.
        stem: how many times as many the first convolution has.
        sizes: height, width and channels of a picture.
        classes: how many answers there are.
    """

    operations: Sequence[str]
    layers: int
    nodes: int
    channels: int
    stem: int
    sizes: Sequence[int]
    classes: int

    def is_reduction(self, layer: int) -> bool:
        """Whether a cell halves height and width: those after each third; of two, the second."""
        if self.layers < 3:
            return layer == 1
        return layer in (self.layers // 3, 2 * self.layers // 3)


class Mixture(nn.Module):
    """All operations of an edge, weighed by a soft-max; (eq. 2)."""

    def __init__(self, operations: Sequence[str], channels: int, stride: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(make_operation(one, channels, stride) for one in operations)

    def forward(self, images: Tensor, shares: Tensor) -> Tensor:
        # The last share is that of no operation, whose output is zero.
        pairs = zip(self.operations, shares[:-1], strict=True)
        return sum((share * one(images) for one, share in pairs), torch.zeros(()))


class Cell(nn.Module):
    """Nodes, each of which adds up what all before it give; their outputs are joined."""

    def __init__(self, plan: Plan, inputs: tuple[int, int], channels: int, kinds: str) -> None:
        """``kinds`` says of this cell and the one before whether it is normal or reduces."""
        super().__init__()
        self.is_reduction = kinds[1] == "r"
        older, newer = inputs
        self.older = Halved(older, channels) if kinds[0] == "r" else _fitted(older, channels)
        self.newer = _fitted(newer, channels)
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                Mixture(plan.operations, channels, 2 if self.is_reduction and edge < 2 else 1)
                for edge in range(node + 2)
            )
            for node in range(plan.nodes)
        )

    def forward(self, older: Tensor, newer: Tensor, shares: Sequence[Tensor]) -> Tensor:
        states = [self.older(older), self.newer(newer)]
        for edges, rows in zip(self.nodes, shares, strict=True):
            mixed = [edge(one, row) for edge, one, row in zip(edges, states, rows, strict=True)]
            states.append(torch.stack(mixed).sum(dim=0))
        return torch.cat(states[2:], dim=1)


class Supernet(nn.Module):
    """The whole network; its parameters are weights and, in ``normal`` and ``reduce``, alphas."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.normal = _alphas(plan)
        self.reduce = _alphas(plan) if plan.layers > 1 else nn.ParameterList()
        channels, first = plan.channels, plan.stem * plan.channels
        self.stem = nn.Sequential(
            nn.Conv2d(plan.sizes[2], first, 3, padding=1, bias=False), normalised(first)
        )
        inputs, kinds, cells = (first, first), "nn", []
        for layer in range(plan.layers):
            kinds = kinds[1] + ("r" if plan.is_reduction(layer) else "n")
            channels *= 2 if kinds[1] == "r" else 1
            cells.append(Cell(plan, inputs, channels, kinds))
            inputs = (inputs[1], plan.nodes * channels)
        self.cells = nn.ModuleList(cells)
        self.head = nn.Linear(inputs[1], plan.classes)

    def forward(self, images: Tensor) -> Tensor:
        older = newer = self.stem(images)
        normal, reduce = (
            [alphas.softmax(dim=1) for alphas in one] for one in (self.normal, self.reduce)
        )
        for cell in self.cells:
            older, newer = newer, cell(older, newer, reduce if cell.is_reduction else normal)
        return self.head(newer.mean(dim=(2, 3)))

    @property
    def alpha_names(self) -> frozenset[str]:
        """Which of its parameters are the architecture's."""
        names = [name for name, _ in self.named_parameters()]
        return frozenset(name for name in names if name.startswith(("normal.", "reduce.")))

    @property
    def genotype(self) -> Genotype:
        """The best operations so far."""
        joined = range(2, 2 + self.plan.nodes)
        normal, reduce = (
            best_edges([one.detach() for one in alphas], self.plan.operations)
            for alphas in (self.normal, self.reduce)
        )
        return Genotype(normal, joined, reduce, joined)


def _fitted(channels: int, out: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, out, 1, bias=False), normalised(out))


def _alphas(plan: Plan) -> nn.ParameterList:
    """One number for each operation of each edge, and one for no operation; nearly the same."""
    width = len(plan.operations) + 1
    return nn.ParameterList(
        nn.Parameter(1e-3 * torch.randn(node + 2, width)) for node in range(plan.nodes)
    )
