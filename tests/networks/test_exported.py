"""What ``katib nas export`` writes is the network that was trained."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from layer_network import LayerNetwork
from torch import nn

from katib.search.nas.architecture import quoted
from katib.search.nas.cell_source import cell_source
from katib.search.nas.found import FoundCells, FoundLayers
from katib.search.nas.genotype import Genotype
from katib.search.nas.layer_source import layer_source
from katib.search.nas.operations import Choice

OPERATIONS = {
    0: Choice("convolution", {"num_filter": "6", "filter_size": "5", "stride": 2}),
    1: Choice("separable_convolution", {"num_filter": 4, "filter_size": 4, "depth_multiplier": 2}),
    2: Choice("depthwise_convolution", {"filter_size": 3}),
    3: Choice("reduction", {"reduction_type": "avg_pooling", "pool_size": 3}),
    4: Choice("skip_connection", {}),
    5: Choice("reduction", {}),
}
ARCHITECTURES = {
    "of one layer": ((0,),),
    "with skip connections": ((0,), (1, 1), (2, 1, 1), (3, 0, 1, 0), (4, 1, 1, 1, 0)),
    "that becomes one pixel": ((3,), (3, 0), (3, 0, 0), (1, 1, 0, 1)),
    "of operations by default": ((5,), (5, 1)),
}


def load(source: str) -> Callable[..., nn.Module]:
    space: dict[str, Callable[..., nn.Module]] = {}
    exec(compile(source, "exported", "exec"), space)
    return space["Network"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_are_those_that_a_trial_trains(name: str) -> None:
    architecture = ARCHITECTURES[name]
    config = {
        "num_layers": len(architecture),
        "input_sizes": [9, 8, 3],
        "output_sizes": [10],
        "embedding": {
            str(number): {"opt_type": one.type, "opt_params": one.arguments}
            for number, one in OPERATIONS.items()
        },
    }
    told = json.loads(quoted(config).replace("'", '"'))
    found = FoundLayers(architecture, OPERATIONS, (9, 8, 3), 10)
    images = torch.rand(4, 3, 9, 8)
    torch.manual_seed(1)
    trained = LayerNetwork(architecture, told)
    torch.manual_seed(1)
    exported = load(layer_source(found, "One."))()
    torch.testing.assert_close(exported(images), trained(images))
    assert sum(one.numel() for one in exported.parameters()) == sum(
        one.numel() for one in trained.parameters()
    )


NODES = (
    (("skip_connection", 0), ("max_pooling_3x3", 1)),
    (("dilated_convolution_5x5", 2), ("separable_convolution_3x3", 0)),
    (("avg_pooling_3x3", 1), ("skip_connection", 3)),
)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [8, 9])
def test_cells_are_a_network(layers: int, size: int) -> None:
    genotype = Genotype(NODES, (2, 3, 4), NODES[:2] if layers > 1 else (), (2, 3))
    network = load(cell_source(FoundCells(genotype, layers, 4, 2), "Two."))(inputs=1, classes=7)
    answers = network(torch.rand(3, 1, size, size))
    assert answers.shape == (3, 7)
    answers.sum().backward()
    assert all(one.grad is not None for one in network.parameters())
