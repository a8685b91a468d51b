from __future__ import annotations

import json

import pytest

from katib.api.experiment import GraphConfig
from katib.search.nas.architecture import (
    architecture_of,
    network_text,
    quoted,
    text_of,
    unquoted,
)
from katib.search.nas.operations import Choice

FOUR_LAYERS = ((3,), (0, 1), (0, 0, 1), (2, 1, 0, 0))


def test_an_architecture_reads_as_katibs_trials_read_it() -> None:
    assert text_of(FOUR_LAYERS) == "[[3], [0, 1], [0, 0, 1], [2, 1, 0, 0]]"
    assert architecture_of(text_of(FOUR_LAYERS), layers=4, operations=4) == FOUR_LAYERS


NO_ARCHITECTURES = {
    "nothing": "",
    "no JSON": "[[3",
    "no rows": "[3]",
    "words": "[['3']]",
    "a fraction": "[[0.5], [0, 1]]",
    "too few layers": "[[0]]",
    "too many layers": "[[0], [0, 1], [0, 0, 0]]",
    "a row that is too short": "[[0], [0]]",
    "an operation that does not exist": "[[4], [0, 1]]",
    "an operation below the first": "[[-1], [0, 1]]",
    "a bit that is none": "[[0], [0, 2]]",
    "brackets without end": "[" * 100_000,
}


@pytest.mark.parametrize("text", NO_ARCHITECTURES.values(), ids=NO_ARCHITECTURES)
def test_a_text_that_is_no_architecture(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        architecture_of(text, layers=2, operations=4)


def test_a_network_names_the_operations_it_has() -> None:
    choices = [
        Choice("convolution", {"filter_size": "3", "stride": 1}),
        Choice("convolution", {"filter_size": "3", "stride": 2}),
        Choice("reduction", {"pool_size": 2}),
    ]
    graph = GraphConfig(num_layers=2, input_sizes=(32, 32, 3), output_sizes=(10,))
    assert network_text(((2,), (0, 1)), graph, choices) == (
        "{'num_layers': 2, 'input_sizes': [32, 32, 3], 'output_sizes': [10], 'embedding': "
        "{'2': {'opt_id': 2, 'opt_type': 'reduction', 'opt_params': {'pool_size': 2}}, "
        "'0': {'opt_id': 0, 'opt_type': 'convolution', 'opt_params': "
        "{'filter_size': '3', 'stride': 1}}}}"
    )


@pytest.mark.parametrize("text", ["it's", 'a "word"', "\\", '\\"', "\\'", "é", ""])
def test_any_text_comes_back_as_trials_read_it(text: str) -> None:
    written = quoted({"name": text})
    assert '"' not in written
    assert json.loads(written.replace("'", '"')) == {"name": text}
    assert unquoted(written) == {"name": text}
