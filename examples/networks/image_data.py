"""Pictures to learn from without a download: handwritten digits, or shapes that are drawn here.

Pictures of 8 x 8 x 1 in ten classes are the real digits that come with scikit-learn. For any other
size, class ``n`` is a shape or a pattern, in a colour, at a place and before a background that are
drawn by chance: as small pictures of things are, they are easy to learn roughly and hard to learn
well.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DIGITS = (8, 8, 1)

#: How far from the edge of a pattern its two colours may be mixed, as a share of the picture.
_BLUR = 0.06


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show.

    Attributes:
        images: from 0 to 1. (n, channels, height, width)
        labels: numbers of classes. (n,)
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, begin: int, end: int) -> Pictures:
        return Pictures(self.images[begin:end], self.labels[begin:end])

    def on(self, device: torch.device) -> Pictures:
        return Pictures(self.images.to(device), self.labels.to(device))

    def batches(self, size: int, chance: torch.Generator) -> Iterator[Pictures]:
        """All of them in another order each time, so many at once."""
        order = torch.randperm(len(self), generator=chance).to(self.labels.device)
        for begin in range(0, len(self), size):
            chosen = order[begin : begin + size]
            yield Pictures(self.images[chosen], self.labels[chosen])


def add_images_option(parser: argparse.ArgumentParser) -> None:
    """How many pictures a program asks for."""
    parser.add_argument(
        "--images",
        type=int,
        default=int(os.environ.get("TRIAL_IMAGES", "2000")),
        help="how many pictures there are; or the variable TRIAL_IMAGES",
    )


def load(sizes: Sequence[int], classes: int, count: int, seed: int = 0) -> tuple[Pictures, ...]:
    """Pictures for training, and a quarter as many for validation.

    Args:
        sizes: height, width and channels of a picture.
        classes: how many there are.
        count: how many pictures in all; of digits there are 1,797 at most.
        seed: which pictures are drawn, and which ones are for training.
    """
    if len(sizes) != 3:
        raise SystemExit(f"input sizes are {list(sizes)}; give height, width and channels")
    if tuple(sizes) == DIGITS and classes == 10:
        images, labels = _digits(count, seed)
    else:
        images, labels = _shapes((sizes[0], sizes[1], sizes[2]), classes, count, seed)
    every = Pictures(
        torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), dtype=torch.float32),
        torch.tensor(labels, dtype=torch.int64),
    )
    split = len(every) * 4 // 5
    return every.part(0, split), every.part(split, len(every))


def shifted(images: Tensor, most: int, chance: torch.Generator) -> Tensor:
    """The same pictures, moved by up to ``most`` pixels; what leaves on one side is lost."""
    if most == 0:
        return images
    padded = torch.nn.functional.pad(images, (most, most, most, most))
    height, width = images.shape[2:]
    down, right = torch.randint(0, 2 * most + 1, (2,), generator=chance).tolist()
    return padded[:, :, down : down + height, right : right + width]


def _digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    # Importing scikit-learn would take longer than reading its file.
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn")
    file = Path(found.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    table = np.loadtxt(file, delimiter=",")
    images, labels = table[:, :-1], table[:, -1].astype(int)
    order = np.random.default_rng(seed).permutation(len(labels))[:count]
    return images[order].reshape(-1, 8, 8, 1) / 16, labels[order]


def _shapes(
    sizes: tuple[int, int, int], classes: int, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    height, width, channels = sizes
    labels = chance.integers(classes, size=count)
    images = np.empty((count, height, width, channels))
    for place, label in enumerate(labels):
        inside = _pattern(int(label), height, width, chance)[:, :, None]
        front, back = chance.random((2, channels))
        images[place] = inside * front + (1 - inside) * back
    images += chance.normal(scale=0.05, size=images.shape)
    return images.clip(0, 1), labels


def _pattern(label: int, height: int, width: int, chance: np.random.Generator) -> np.ndarray:
    """How much of each pixel is the shape's: from 0 to 1. (height, width)"""
    rows, columns = np.meshgrid(
        (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij"
    )
    y, x = rows - chance.uniform(0.35, 0.65), columns - chance.uniform(0.35, 0.65)
    size, waves = chance.uniform(0.2, 0.35), chance.uniform(2.5, 4) * 2 * np.pi
    distances = (
        size - np.hypot(x, y),  # a disc
        size - np.maximum(abs(x), abs(y)),  # a square
        0.08 - abs(np.hypot(x, y) - size),  # a ring
        np.maximum(0.07 - abs(x), 0.07 - abs(y)) + np.minimum(size - np.hypot(x, y), 0),  # a cross
        np.minimum(y + size, (size - y) / 2 - abs(x)),  # a triangle
        size - abs(x) - abs(y),  # a diamond
        np.sin(waves * y) / waves,  # stripes
        np.sin(waves * x) / waves,
        np.sin(waves * (x + y)) / waves,
        np.sin(waves * x) * np.sin(waves * y) / waves,  # a board
    )
    # Beyond the tenth class the shapes come again, with their colours the other way round.
    inside = (distances[label % len(distances)] / _BLUR + 0.5).clip(0, 1)
    return inside if label // len(distances) % 2 == 0 else 1 - inside
