from __future__ import annotations

from xml.etree import ElementTree

import pytest

from katib.api.values import Manifest
from katib.client.analysis.architecture import NoArchitectureError, draw_architecture

NETWORK = (
    "{'num_layers': 2, 'input_sizes': [8, 6, 1], 'output_sizes': [10], 'embedding': {"
    "'0': {'opt_id': 0, 'opt_type': 'convolution', 'opt_params': {'num_filter': '4'}}, "
    "'1': {'opt_id': 1, 'opt_type': 'reduction', 'opt_params': {'pool_size': 2}}}}"
)


def a_manifest(**values: str) -> Manifest:
    pairs = [{"name": name, "value": value} for name, value in values.items()]
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Trial",
        "metadata": {"name": "t", "namespace": "default"},
        "spec": {"parameterAssignments": pairs},
    }


def test_a_trial_is_drawn_as_boxes_from_input_to_output() -> None:
    svg = draw_architecture(a_manifest(architecture="[[0], [1, 1]]", nn_config=NETWORK))
    texts = [one.text for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("text")]
    assert [text for text in texts if text in ("convolution", "reduction")] == [
        "convolution",
        "reduction",
    ]
    assert "8 x 6 x 1" in texts


def test_a_trial_of_another_search_has_none() -> None:
    with pytest.raises(NoArchitectureError, match='trial "t" has no architecture'):
        draw_architecture(a_manifest(lr="0.1"))
