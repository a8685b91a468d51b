"""The operations that an edge of a cell may be; each keeps the channels.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section
3.1.1. Normalisation is that of the batch at hand, in training and in validation: what a mixture of
operations had some steps ago says little about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

#: Makes an operation for so many channels, with a filter of that size, and a stride.
Maker = Callable[[int, int, int], nn.Module]


class UnknownOperation(SystemExit):
    """The search space names an operation that this program does not have."""

    def __init__(self, name: str) -> None:
        known = ", ".join(f"{one}_3x3" for one in SIZED)
        super().__init__(
            f'search-space has "{name}", which is not known here; use skip_connection, {known}, or '
            "one of these with another odd size"
        )


def make_operation(name: str, channels: int, stride: int) -> nn.Module:
    """The operation of that name, as ``separable_convolution_5x5``."""
    if name == "skip_connection":
        return nn.Identity() if stride == 1 else Halved(channels, channels)
    found = re.fullmatch(r"(\w+)_(\d+)x\2", name)
    if found is None or found[1] not in SIZED or int(found[2]) % 2 == 0:
        raise UnknownOperation(name)
    return SIZED[found[1]](channels, int(found[2]), stride)


def normalised(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


class Halved(nn.Module):
    """Half the height and width: two convolutions, of which one sees the pixels between."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        # On every second pixel, which is what a stride of two means for a filter of one.
        self.even = nn.Conv2d(channels, out - out // 2, 1, bias=False)
        self.odd = nn.Conv2d(channels, out // 2, 1, bias=False) if out > 1 else None
        self.normal = normalised(out)

    def forward(self, images: Tensor) -> Tensor:
        images = torch.relu(images)
        parts = [self.even(_halved(images))]
        if self.odd is not None:
            moved = nn.functional.pad(images[:, :, 1:, 1:], (0, 1, 0, 1))
            parts.append(self.odd(_halved(moved)))
        return self.normal(torch.cat(parts, dim=1))


def _halved(images: Tensor) -> Tensor:
    return images[:, :, ::2, ::2].contiguous()


def _separable(channels: int, size: int, stride: int) -> nn.Module:
    return nn.Sequential(
        *_depthwise(channels, size, stride, dilation=1), *_depthwise(channels, size, 1, dilation=1)
    )


def _dilated(channels: int, size: int, stride: int) -> nn.Module:
    return nn.Sequential(*_depthwise(channels, size, stride, dilation=2))


def _depthwise(channels: int, size: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (size // 2)
    depth = nn.Conv2d(
        channels, channels, size, stride, padding, dilation, groups=channels, bias=False
    )
    return [nn.ReLU(), depth, nn.Conv2d(channels, channels, 1, bias=False), normalised(channels)]


def _max_pooling(channels: int, size: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(size, stride, size // 2), normalised(channels))


def _avg_pooling(channels: int, size: int, stride: int) -> nn.Module:
    pool = nn.AvgPool2d(size, stride, size // 2, count_include_pad=False)
    return nn.Sequential(pool, normalised(channels))


SIZED: Mapping[str, Maker] = {
    "separable_convolution": _separable,
    "dilated_convolution": _dilated,
    "max_pooling": _max_pooling,
    "avg_pooling": _avg_pooling,
}
