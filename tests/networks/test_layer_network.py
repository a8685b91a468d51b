"""A network is what its architecture says, with the parameters that the operations have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from layer_network import LayerNetwork, join


def config(*operations: Mapping[str, Any], layers: int = 1, size: int = 8) -> dict[str, Any]:
    return {
        "num_layers": layers,
        "input_sizes": [size, size, 3],
        "output_sizes": [10],
        "embedding": {str(number): dict(one) for number, one in enumerate(operations)},
    }


def operation(name: str, **given: object) -> Mapping[str, Any]:
    return {"opt_id": 0, "opt_type": name, "opt_params": given}


#: The operation, and the shape that it makes of 3 channels of 8 x 8.
SHAPES = {
    "a convolution": (operation("convolution", num_filter="5", filter_size="3"), (5, 8, 8)),
    "with a stride": (operation("convolution", num_filter="5", stride=2), (5, 4, 4)),
    "with an even filter": (operation("convolution", num_filter=5, filter_size=4), (5, 8, 8)),
    "an even filter and a stride": (
        operation("convolution", num_filter=5, filter_size=2, stride="3"),
        (5, 3, 3),
    ),
    "separable": (operation("separable_convolution", num_filter=7, depth_multiplier=2), (7, 8, 8)),
    "depthwise": (
        operation("depthwise_convolution", depth_multiplier="2", filter_size=5),
        (6, 8, 8),
    ),
    "the largest of two": (operation("reduction", pool_size=2), (3, 4, 4)),
    "the mean of three": (
        operation("reduction", pool_size="3", reduction_type="avg_pooling"),
        (3, 3, 3),
    ),
    "nothing": (operation("skip_connection"), (3, 8, 8)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_an_operation_has_its_parameters(case: str) -> None:
    one, shape = SHAPES[case]
    network = LayerNetwork([[0]], config(one))
    assert tuple(network.layers[0](torch.rand(2, 3, 8, 8)).shape) == (2, *shape)
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 10)


def test_a_row_names_the_nodes_that_a_layer_takes() -> None:
    one = operation("convolution", num_filter=4)
    network = LayerNetwork([[0], [0, 1], [0, 0, 1]], config(one, layers=3))
    assert network.sources == [[0], [1, 0], [2, 1]]
    kernels = [layer[1] for layer in network.layers]
    assert [kernel.in_channels for kernel in kernels] == [3, 4 + 3, 4 + 4]


def test_nodes_of_different_sizes_are_joined_with_zeros_around_the_small_ones() -> None:
    joined = join([torch.ones(1, 1, 2, 2), torch.ones(1, 2, 5, 5)])
    assert joined.shape == (1, 3, 5, 5)
    assert joined[0, 0].sum() == 4
    # An odd pixel more is at the end.
    assert joined[0, 0, 1:3, 1:3].sum() == 4


def test_pictures_of_one_pixel_are_not_made_smaller() -> None:
    rows = [[0], *[[0] + [0] * number for number in range(1, 7)]]
    network = LayerNetwork(rows, config(operation("reduction", pool_size=3), layers=7))
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 10)


WRONG = {
    "an unknown operation": (
        config(operation("convolve")),
        "nn_config.embedding['0'].opt_type is \"convolve\", which is not known here; use one of "
        "convolution, separable_convolution, depthwise_convolution, reduction, skip_connection",
    ),
    "an operation that is not described": (
        config(),
        "architecture has the operation 0, nn_config.embedding has not",
    ),
    "another number of layers": (
        config(operation("convolution"), layers=2),
        "architecture has 1 layers, and nn_config.num_layers is 2",
    ),
    "no filter at all": (
        config(operation("convolution", filter_size="0")),
        "filter_size is '0'; it has to be a whole number from 1 on",
    ),
    "a filter that is no number": (
        config(operation("convolution", filter_size="wide")),
        "filter_size is 'wide'; it has to be a whole number from 1 on",
    ),
    "an unknown way to reduce": (
        config(operation("reduction", reduction_type="min_pooling")),
        'reduction_type is "min_pooling"; use one of max_pooling, avg_pooling',
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case: str) -> None:
    given, message = WRONG[case]
    with pytest.raises(SystemExit) as caught:
        LayerNetwork([[0]], given)
    assert caught.value.code == message
