"""Pictures that need no download."""

from __future__ import annotations

import pytest
import torch
from image_data import load, shifted


def test_digits_are_real_and_all_of_them_are_there() -> None:
    training, validation = load((8, 8, 1), 10, 5000)
    assert (len(training), len(validation)) == (1437, 360)
    assert training.images.shape == (1437, 1, 8, 8)
    assert (float(training.images.min()), float(training.images.max())) == (0, 1)
    assert set(training.labels.tolist()) == set(range(10))


@pytest.mark.parametrize(("sizes", "classes"), [((32, 32, 3), 10), ((9, 6, 1), 13)])
def test_shapes_are_drawn_in_any_size(sizes: tuple[int, int, int], classes: int) -> None:
    training, validation = load(sizes, classes, 200)
    height, width, channels = sizes
    assert training.images.shape == (160, channels, height, width)
    assert len(validation) == 40
    assert set(training.labels.tolist()) == set(range(classes))
    assert float(training.images.max()) <= 1
    again, _ = load(sizes, classes, 200)
    assert torch.equal(training.images, again.images)


def test_every_picture_comes_once_in_an_epoch() -> None:
    training, _ = load((8, 8, 1), 10, 50)
    chance = torch.Generator().manual_seed(1)
    batches = [batch.images for batch in training.batches(16, chance)]
    assert [len(one) for one in batches] == [16, 16, 8]
    assert sorted(torch.cat(batches).sum(dim=(1, 2, 3)).tolist()) == pytest.approx(
        sorted(training.images.sum(dim=(1, 2, 3)).tolist())
    )


def test_a_shift_loses_what_leaves_and_brings_in_nothing() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 1, 1] = 1
    chance = torch.Generator().manual_seed(1)
    places = {tuple(shifted(image, 1, chance)[0, 0].nonzero()[0].tolist()) for _ in range(60)}
    assert places == {(row, column) for row in range(3) for column in range(3)}


def test_sizes_of_something_else() -> None:
    with pytest.raises(SystemExit, match=r"input sizes are \[8, 8\]; give height, width and"):
        load([8, 8], 10, 10)
