"""The network that an architecture of layers with skip connections describes.

Node 0 is the picture, node ``k`` the output of layer ``k``. A layer takes its predecessor's output
and those of the nodes that its row names, one behind the other in channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels, height and width.
Shape = tuple[int, int, int]

#: The parameters of an operation by name, as ``nn_config`` has them.
Arguments = Mapping[str, Any]


class UnknownOperation(SystemExit):
    """The search space names an operation that this program does not have."""

    def __init__(self, name: str, place: str) -> None:
        known = ", ".join(OPERATIONS)
        super().__init__(f'{place} is "{name}", which is not known here; use one of {known}')


class LayerNetwork(nn.Module):
    """Layers, the mean over all places, and a linear layer to the classes.

    Args:
        architecture: the rows, as a trial is told them.
        config: ``nn_config``, as a trial is told it.
    """

    def __init__(self, architecture: Sequence[Sequence[int]], config: Mapping[str, Any]) -> None:
        super().__init__()
        if len(architecture) != config["num_layers"]:
            raise SystemExit(
                f"architecture has {len(architecture)} layers, and nn_config.num_layers is "
                f"{config['num_layers']}"
            )
        height, width, channels = config["input_sizes"]
        shapes: list[Shape] = [(channels, height, width)]
        self.sources: list[list[int]] = []
        layers: list[nn.Module] = []
        for number, (operation, *bits) in enumerate(architecture):
            earlier = [node for node, bit in enumerate(bits) if bit]
            sources = [number, *(node for node in earlier if node != number)]
            layer, shape = _layer(str(operation), config["embedding"], _joined(shapes, sources))
            self.sources.append(sources)
            layers.append(layer)
            shapes.append(shape)
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(shapes[-1][0], config["output_sizes"][-1])

    def forward(self, images: Tensor) -> Tensor:
        nodes = [images]
        for layer, sources in zip(self.layers, self.sources, strict=True):
            nodes.append(layer(join([nodes[source] for source in sources])))
        return self.head(nodes[-1].mean(dim=(2, 3)))


def join(nodes: Sequence[Tensor]) -> Tensor:
    """One behind the other in channels; smaller ones get zeros around them."""
    height = max(node.shape[2] for node in nodes)
    width = max(node.shape[3] for node in nodes)
    return torch.cat([_framed(node, height, width) for node in nodes], dim=1)


def _framed(node: Tensor, height: int, width: int) -> Tensor:
    rows, columns = height - node.shape[2], width - node.shape[3]
    frame = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    return functional.pad(node, frame) if any(frame) else node


def _joined(shapes: Sequence[Shape], sources: Sequence[int]) -> Shape:
    chosen = [shapes[source] for source in sources]
    return (
        sum(channels for channels, _, _ in chosen),
        max(height for _, height, _ in chosen),
        max(width for _, _, width in chosen),
    )


def _layer(number: str, embedding: Mapping[str, Any], shape: Shape) -> tuple[nn.Module, Shape]:
    if number not in embedding:
        raise SystemExit(f"architecture has the operation {number}, nn_config.embedding has not")
    name, given = embedding[number]["opt_type"], embedding[number]["opt_params"]
    if name not in OPERATIONS:
        raise UnknownOperation(name, f"nn_config.embedding['{number}'].opt_type")
    return OPERATIONS[name](given, shape)


def _whole(given: Arguments, name: str, default: int) -> int:
    """A parameter that is a whole number from 1 on."""
    value = given.get(name, default)
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise SystemExit(f"{name} is {value!r}; it has to be a whole number from 1 on")
    return number


def _same(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """A convolution whose stride alone makes the picture smaller."""
    before, after = (size - 1) // 2, size // 2
    kernel = nn.Conv2d(channels, out, size, stride, groups=groups, bias=False)
    if before == after:
        kernel.padding = (before, before)
        return kernel
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), kernel)


def _convolution(given: Arguments, shape: Shape) -> tuple[nn.Module, Shape]:
    out, stride = _whole(given, "num_filter", 64), _whole(given, "stride", 1)
    kernel = _same(shape[0], out, _whole(given, "filter_size", 3), stride)
    return nn.Sequential(nn.ReLU(), kernel, nn.BatchNorm2d(out)), _strided(out, shape, stride)


def _separable(given: Arguments, shape: Shape) -> tuple[nn.Module, Shape]:
    out, stride = _whole(given, "num_filter", 64), _whole(given, "stride", 1)
    depth, deep = _depthwise(given, shape[0], stride)
    layer = nn.Sequential(
        nn.ReLU(), depth, nn.Conv2d(deep, out, 1, bias=False), nn.BatchNorm2d(out)
    )
    return layer, _strided(out, shape, stride)


def _depthwise_convolution(given: Arguments, shape: Shape) -> tuple[nn.Module, Shape]:
    stride = _whole(given, "stride", 1)
    depth, deep = _depthwise(given, shape[0], stride)
    return nn.Sequential(nn.ReLU(), depth, nn.BatchNorm2d(deep)), _strided(deep, shape, stride)


def _depthwise(given: Arguments, channels: int, stride: int) -> tuple[nn.Module, int]:
    deep = channels * _whole(given, "depth_multiplier", 1)
    size = _whole(given, "filter_size", 3)
    return _same(channels, deep, size, stride, groups=channels), deep


def _reduction(given: Arguments, shape: Shape) -> tuple[nn.Module, Shape]:
    kind, size = given.get("reduction_type", "max_pooling"), _whole(given, "pool_size", 2)
    pools: Mapping[str, Callable[..., nn.Module]] = {
        "max_pooling": nn.MaxPool2d,
        "avg_pooling": nn.AvgPool2d,
    }
    if kind not in pools:
        raise SystemExit(f'reduction_type is "{kind}"; use one of {", ".join(pools)}')
    if min(shape[1:]) == 1:
        return nn.Identity(), shape
    return pools[kind](size, ceil_mode=True), _strided(shape[0], shape, size)


def _skip(given: Arguments, shape: Shape) -> tuple[nn.Module, Shape]:
    return nn.Identity(), shape


def _strided(channels: int, shape: Shape, stride: int) -> Shape:
    return channels, math.ceil(shape[1] / stride), math.ceil(shape[2] / stride)


OPERATIONS: Mapping[str, Callable[[Arguments, Shape], tuple[nn.Module, Shape]]] = {
    "convolution": _convolution,
    "separable_convolution": _separable,
    "depthwise_convolution": _depthwise_convolution,
    "reduction": _reduction,
    "skip_connection": _skip,
}
