"""A chain of layers as the text of a Python module for PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from katib.search.nas.found import FoundLayers
from katib.search.nas.operations import Argument, Choice

_HEAD = '''"""{title}

Written by ``katib nas export``. Pictures of {height} x {width} x {channels} with values from 0
to 1 come in as tensors (pictures, channels, height, width); one number for each of {classes}
classes comes out. The weights are new ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Network(nn.Module):
    """{layers}, the mean over all places, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
'''
_JOIN = '''

def join(*nodes: Tensor) -> Tensor:
    """One behind the other in channels; smaller ones get zeros around them."""
    height = max(node.shape[2] for node in nodes)
    width = max(node.shape[3] for node in nodes)
    framed = []
    for node in nodes:
        rows, columns = height - node.shape[2], width - node.shape[3]
        frame = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        framed.append(functional.pad(node, frame))
    return torch.cat(framed, dim=1)
'''


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a node is: so many channels of that height and width."""

    channels: int
    height: int
    width: int

    def strided(self, channels: int, stride: int) -> _Shape:
        """What a stride leaves of it."""
        return _Shape(channels, math.ceil(self.height / stride), math.ceil(self.width / stride))


def layer_source(found: FoundLayers, title: str) -> str:
    """The module.

    Args:
        found: the architecture.
        title: the first line of the module's docstring.

    Raises:
        ValueError: an operation, or a parameter of one, is not known here.
    """
    if len(found.inputs) != 3:
        raise ValueError(
            f"its input sizes are {list(found.inputs)}; only height, width and channels are known"
        )
    height, width, channels = found.inputs
    shapes = [_Shape(channels, height, width)]
    made, passed = [], []
    for number, (operation, *_) in enumerate(found.architecture):
        sources = found.sources(number)
        modules, shape = _layer(found.operations[operation], _joined(shapes, sources))
        shapes.append(shape)
        made += [*_constructor(number + 1, found.operations[operation], modules)]
        taken = ", ".join(f"node{source}" for source in sources)
        given = taken if len(sources) == 1 else f"join({taken})"
        passed.append(f"        node{number + 1} = self.layer{number + 1}({given})")
    last = len(found.architecture)
    head = _HEAD.format(
        title=title,
        height=height,
        width=width,
        channels=channels,
        classes=found.classes,
        layers="One layer" if last == 1 else f"{last} layers",
    )
    lines = [
        *made,
        f"        self.head = nn.Linear({shapes[-1].channels}, {found.classes})",
        "",
        "    def forward(self, node0: Tensor) -> Tensor:",
        *passed,
        f"        return self.head(node{last}.mean(dim=(2, 3)))",
    ]
    return head + "\n".join(lines) + "\n" + _JOIN


def _joined(shapes: Sequence[_Shape], sources: Sequence[int]) -> _Shape:
    chosen = [shapes[source] for source in sources]
    return _Shape(
        sum(one.channels for one in chosen),
        max(one.height for one in chosen),
        max(one.width for one in chosen),
    )


def _constructor(number: int, choice: Choice, modules: Sequence[str]) -> Iterator[str]:
    given = ", ".join(f"{name} {value}" for name, value in choice.arguments.items())
    yield f"        # {choice.type}{': ' if given else ''}{given}"
    if len(modules) == 1:
        yield f"        self.layer{number} = {modules[0]}"
        return
    yield f"        self.layer{number} = nn.Sequential("
    yield from (f"            {module}," for module in modules)
    yield "        )"


def _layer(choice: Choice, shape: _Shape) -> tuple[Sequence[str], _Shape]:
    if choice.type not in _WRITERS:
        raise ValueError(
            f'the operation "{choice.type}" is not known to katib nas export, which knows '
            f"{', '.join(_WRITERS)}"
        )
    return _WRITERS[choice.type](choice.arguments, shape)


def _whole(given: Mapping[str, Argument], name: str, default: int) -> int:
    value = given.get(name, default)
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} is {value!r}, which is no whole number from 1 on")
    return number


def _same(channels: int, out: int, size: int, stride: int, groups: int = 1) -> Sequence[str]:
    """A convolution whose stride alone makes the picture smaller."""
    before, after = (size - 1) // 2, size // 2
    words = [str(channels), str(out), str(size)]
    if stride > 1:
        words.append(f"stride={stride}")
    if before == after and after:
        words.append(f"padding={after}")
    if groups > 1:
        words.append(f"groups={groups}")
    kernel = f"nn.Conv2d({', '.join(words)}, bias=False)"
    if before == after:
        return [kernel]
    return [f"nn.ZeroPad2d(({before}, {after}, {before}, {after}))", kernel]


def _convolution(given: Mapping[str, Argument], shape: _Shape) -> tuple[Sequence[str], _Shape]:
    out, stride = _whole(given, "num_filter", 64), _whole(given, "stride", 1)
    kernel = _same(shape.channels, out, _whole(given, "filter_size", 3), stride)
    return ["nn.ReLU()", *kernel, f"nn.BatchNorm2d({out})"], shape.strided(out, stride)


def _separable(given: Mapping[str, Argument], shape: _Shape) -> tuple[Sequence[str], _Shape]:
    out, stride = _whole(given, "num_filter", 64), _whole(given, "stride", 1)
    depth, deep = _depth(given, shape.channels, stride)
    point = f"nn.Conv2d({deep}, {out}, 1, bias=False)"
    modules = ["nn.ReLU()", *depth, point, f"nn.BatchNorm2d({out})"]
    return modules, shape.strided(out, stride)


def _depthwise(given: Mapping[str, Argument], shape: _Shape) -> tuple[Sequence[str], _Shape]:
    stride = _whole(given, "stride", 1)
    depth, deep = _depth(given, shape.channels, stride)
    return ["nn.ReLU()", *depth, f"nn.BatchNorm2d({deep})"], shape.strided(deep, stride)


def _depth(given: Mapping[str, Argument], channels: int, stride: int) -> tuple[Sequence[str], int]:
    deep = channels * _whole(given, "depth_multiplier", 1)
    return _same(channels, deep, _whole(given, "filter_size", 3), stride, channels), deep


def _reduction(given: Mapping[str, Argument], shape: _Shape) -> tuple[Sequence[str], _Shape]:
    kind, size = str(given.get("reduction_type", "max_pooling")), _whole(given, "pool_size", 2)
    pools = {"max_pooling": "MaxPool2d", "avg_pooling": "AvgPool2d"}
    if kind not in pools:
        raise ValueError(f'reduction_type is "{kind}", and none of {", ".join(pools)}')
    if min(shape.height, shape.width) == 1:
        return ["nn.Identity()"], shape
    return [f"nn.{pools[kind]}({size}, ceil_mode=True)"], shape.strided(shape.channels, size)


def _skip(given: Mapping[str, Argument], shape: _Shape) -> tuple[Sequence[str], _Shape]:
    return ["nn.Identity()"], shape


_WRITERS: Mapping[str, Callable[[Mapping[str, Argument], _Shape], tuple[Sequence[str], _Shape]]] = {
    "convolution": _convolution,
    "separable_convolution": _separable,
    "depthwise_convolution": _depthwise,
    "reduction": _reduction,
    "skip_connection": _skip,
}
