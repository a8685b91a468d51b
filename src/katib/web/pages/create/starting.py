"""The document that the page begins with: it runs as it is, on one machine without containers."""

from __future__ import annotations

import copy

from katib.api.names import API_VERSION
from katib.api.values import Manifest

#: Of the experiment.
NAME = "random-experiment"

#: The container that trials run in.
CONTAINER, IMAGE = "training-container", "docker.io/library/python:3.11-slim"

PARAMETERS = [
    {
        "name": "lr",
        "parameterType": "double",
        "feasibleSpace": {"min": "0.01", "max": "0.03", "step": "0.01"},
    },
    {
        "name": "num-layers",
        "parameterType": "int",
        "feasibleSpace": {"min": "1", "max": "64", "step": "1"},
    },
    {
        "name": "optimizer",
        "parameterType": "categorical",
        "feasibleSpace": {"list": ["sgd", "adam", "ftrl"]},
    },
]

_COMMAND = """\
python3 - <<'END'
# Put your program here. A metric is any line that it prints as name=value.
lr = ${trialParameters.learningRate}
layers = ${trialParameters.numberLayers}
optimizer = "${trialParameters.optimizer}"
loss = 10 * abs(lr - 0.02) + abs(layers - 24) / 200
loss += {"sgd": 0.02, "adam": 0.0, "ftrl": 0.05}[optimizer]
print(f"Train-accuracy={0.995 - loss:.4f}")
print(f"Validation-accuracy={0.99 - loss:.4f}")
END
"""

_NAS_COMMAND = """\
python3 - <<'END'
# Put the training of the network here. A metric is any line that it prints as name=value.
architecture = ${trialParameters.architecture}
network = ${trialParameters.network}
skips = sum(sum(layer[1:]) for layer in architecture)
print(f"Train-accuracy={0.9 + 0.001 * skips:.4f}")
print(f"Validation-accuracy={0.9 + 0.001 * skips - 0.00001 * skips ** 2:.4f}")
END
"""


def _categorical(name: str, *choices: str) -> Manifest:
    space = {"list": list(choices)}
    return {"name": name, "parameterType": "categorical", "feasibleSpace": space}


_SIZES = _categorical("filter_size", "3", "5", "7")
_FILTERS = _categorical("num_filter", "32", "48", "64")
_STRIDES = _categorical("stride", "1", "2")
_DEPTHS = _categorical("depth_multiplier", "1", "2")

NAS_CONFIG: Manifest = {
    "graphConfig": {"numLayers": 8, "inputSizes": [32, 32, 3], "outputSizes": [10]},
    "operations": [
        {"operationType": "convolution", "parameters": [_SIZES, _FILTERS, _STRIDES]},
        {
            "operationType": "separable_convolution",
            "parameters": [_SIZES, _FILTERS, _STRIDES, _DEPTHS],
        },
        {
            "operationType": "depthwise_convolution",
            "parameters": [_SIZES, _STRIDES, _DEPTHS],
        },
        {
            "operationType": "reduction",
            "parameters": [
                _categorical("reduction_type", "max_pooling", "avg_pooling"),
                {
                    "name": "pool_size",
                    "parameterType": "int",
                    "feasibleSpace": {"min": "2", "max": "3", "step": "1"},
                },
            ],
        },
    ],
}


def a_job(command: str) -> Manifest:
    """A Job that runs a command line once."""
    container = {
        "name": CONTAINER,
        "image": IMAGE,
        "command": ["/bin/sh", "-c"],
        "args": [command],
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    job = {"backoffLimit": 0, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": job}


def _template(command: str, *parameters: tuple[str, str, str]) -> Manifest:
    return {
        "primaryContainerName": CONTAINER,
        "trialParameters": [
            {"name": name, "description": description, "reference": reference}
            for name, reference, description in parameters
        ],
        "trialSpec": a_job(command),
    }


TEMPLATE = _template(
    _COMMAND,
    ("learningRate", "lr", "Learning rate of the model"),
    ("numberLayers", "num-layers", "Number of layers of the model"),
    ("optimizer", "optimizer", "How the model is trained"),
)

NAS_TEMPLATE = _template(
    _NAS_COMMAND,
    ("architecture", "architecture", "Operation and skip connections of each layer"),
    ("network", "nn_config", "Sizes of the network, and what each operation is"),
)


def a_document(namespace: str) -> Manifest:
    """An experiment to begin with."""
    return copy.deepcopy(
        {
            "apiVersion": API_VERSION,
            "kind": "Experiment",
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": {
                "objective": {
                    "type": "maximize",
                    "goal": 0.99,
                    "objectiveMetricName": "Validation-accuracy",
                    "additionalMetricNames": ["Train-accuracy"],
                },
                "algorithm": {"algorithmName": "random"},
                "parallelTrialCount": 3,
                "maxTrialCount": 12,
                "maxFailedTrialCount": 3,
                "resumePolicy": "Never",
                "parameters": PARAMETERS,
                "trialTemplate": TEMPLATE,
            },
        }
    )
