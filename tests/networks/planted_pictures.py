"""Pictures whose classes only one operation can tell apart: what a search should find is known.

Each picture is noise plus the same noise further down or further to the right, so that what
differs between the classes is how pixels go together that are eight apart. Of the operations only a
dilated filter of five by five sees two such pixels at once; all others, with the stem before them,
see seven at most.
"""

from __future__ import annotations

import torch
from image_data import Pictures
from supernet import Plan

PLANTED = "dilated_convolution_5x5"
OPERATIONS = ("skip_connection", "max_pooling_3x3", "separable_convolution_3x3", PLANTED)

_SIZE, _DISTANCE = 16, 8

PLAN = Plan(OPERATIONS, 2, 1, 4, 1, (_SIZE, _SIZE, 1), 2)


def planted_pictures(count: int, seed: int) -> Pictures:
    """So many pictures of both classes."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=chance)
    noise = torch.rand(count, 1, _SIZE + _DISTANCE, _SIZE + _DISTANCE, generator=chance)
    down = noise[:, :, :_SIZE, _DISTANCE:]
    right = noise[:, :, _DISTANCE:, :_SIZE]
    moved = torch.where(labels.view(-1, 1, 1, 1) == 1, down, right)
    return Pictures((noise[:, :, _DISTANCE:, _DISTANCE:] + moved) / 2, labels)


def planted_share(edges: list[tuple[str, int]]) -> float:
    """How many of a node's edges have the operation."""
    return sum(name == PLANTED for name, _ in edges) / len(edges)
