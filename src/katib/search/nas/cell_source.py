"""A stack of cells as the text of a Python module for PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from katib.search.nas.found import FoundCells
from katib.search.nas.genotype import Edge

_KNOWN = re.compile(
    r"skip_connection|(max_pooling|avg_pooling|separable_convolution|dilated_convolution)_(\d+)x\2"
)

_MODULE = '''"""{title}

Written by ``katib nas export``. Tensors (pictures, channels, height, width) come in, and one number
for each class comes out. The weights are new ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# For each node its operations and their sources: 0 and 1 are the two cells before, 2 and up the
# nodes of the cell itself. Last: which of these are joined to the cell's output.
NORMAL = {normal}
NORMAL_JOINED = {normal_joined}
REDUCE = {reduce}
REDUCE_JOINED = {reduce_joined}


class Network(nn.Module):
    """A stem, cells, the mean over all places, and a linear layer."""

    def __init__(
        self, inputs: int = 3, classes: int = 10, layers: int = {layers}, channels: int = {channels}
    ) -> None:
        super().__init__()
        first = {stem} * channels
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, first, 3, padding=1, bias=False), nn.BatchNorm2d(first)
        )
        reducing = {{2: [1], 1: []}}.get(layers, [layers // 3, 2 * layers // 3])
        older = newer = first
        cells, was_halved = [], False
        for layer in range(layers):
            halves = layer in reducing
            channels *= 2 if halves else 1
            cells.append(Cell(older, newer, channels, halves, was_halved))
            older, newer, was_halved = newer, cells[-1].channels, halves
        self.cells = nn.ModuleList(cells)
        self.head = nn.Linear(newer, classes)

    def forward(self, images: Tensor) -> Tensor:
        older = newer = self.stem(images)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.head(newer.mean(dim=(2, 3)))


class Cell(nn.Module):
    def __init__(
        self, older: int, newer: int, channels: int, halves: bool, was_halved: bool
    ) -> None:
        super().__init__()
        nodes, self.joined = (REDUCE, REDUCE_JOINED) if halves else (NORMAL, NORMAL_JOINED)
        self.channels = channels * len(self.joined)
        self.older = fit(older, channels, 2 if was_halved else 1)
        self.newer = fit(newer, channels, 1)
        self.sources = [[source for _, source in edges] for edges in nodes]
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                operation(name, channels, 2 if halves and source < 2 else 1)
                for name, source in edges
            )
            for edges in nodes
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        states = [self.older(older), self.newer(newer)]
        for operations, sources in zip(self.nodes, self.sources):
            parts = [one(states[source]) for one, source in zip(operations, sources)]
            states.append(torch.stack(parts).sum(dim=0))
        return torch.cat([states[node] for node in self.joined], dim=1)


def operation(name: str, channels: int, stride: int) -> nn.Module:
    if name == "skip_connection":
        return nn.Identity() if stride == 1 else fit(channels, channels, stride)
    kind, _, sizes = name.rpartition("_")
    size = int(sizes.partition("x")[0])
    if kind == "max_pooling":
        return nn.Sequential(nn.MaxPool2d(size, stride, size // 2), nn.BatchNorm2d(channels))
    if kind == "avg_pooling":
        pool = nn.AvgPool2d(size, stride, size // 2, count_include_pad=False)
        return nn.Sequential(pool, nn.BatchNorm2d(channels))
    if kind == "dilated_convolution":
        return nn.Sequential(*depthwise(channels, size, stride, 2))
    return nn.Sequential(*depthwise(channels, size, stride, 1), *depthwise(channels, size, 1, 1))


def depthwise(channels: int, size: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (size // 2)
    kernel = nn.Conv2d(
        channels, channels, size, stride, padding, dilation, groups=channels, bias=False
    )
    point = nn.Conv2d(channels, channels, 1, bias=False)
    return [nn.ReLU(), kernel, point, nn.BatchNorm2d(channels)]


def fit(channels: int, out: int, stride: int) -> nn.Module:
    """As many channels as a cell has, and half the size where the stride is 2."""
    kernel = nn.Conv2d(channels, out, stride, stride, padding=0, bias=False)
    parts = [nn.ReLU(), kernel, nn.BatchNorm2d(out)]
    return nn.Sequential(*([nn.ReplicationPad2d((0, 1, 0, 1)), *parts] if stride > 1 else parts))
'''


def cell_source(found: FoundCells, title: str) -> str:
    """The module.

    Args:
        found: the cells.
        title: the first line of the module's docstring.

    Raises:
        ValueError: an operation is not known here.
    """
    genotype = found.genotype
    for edges in (*genotype.normal, *genotype.reduce):
        for name, _ in edges:
            if not _KNOWN.fullmatch(name):
                raise ValueError(
                    f'the operation "{name}" is not known to katib nas export, which knows '
                    "skip_connection, and max_pooling, avg_pooling, separable_convolution and "
                    "dilated_convolution with their sizes, as max_pooling_3x3"
                )
    return _MODULE.format(
        title=title,
        normal=_nodes(genotype.normal),
        normal_joined=list(genotype.normal_joined),
        reduce=_nodes(genotype.reduce),
        reduce_joined=list(genotype.reduce_joined),
        layers=found.layers,
        channels=found.channels,
        stem=found.stem,
    )


def _nodes(nodes: Sequence[Sequence[Edge]]) -> str:
    """One line for each node."""
    if not nodes:
        return "[]"
    lines = [
        "    [" + ", ".join(f'("{name}", {source})' for name, source in edges) + "],"
        for edges in nodes
    ]
    return "[\n" + "\n".join(lines) + "\n]"
