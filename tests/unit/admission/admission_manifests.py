"""A legal manifest, and how the tests of the door change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from katib.admission import AdmissionContext, admit
from katib.api.experiment import Experiment
from katib.api.names import COLLECTOR_KINDS
from katib.api.values import Key, Manifest
from katib.errors import AdmissionError, FieldError

GONE = object()

CONFIG_MAP_TEXT = """
apiVersion: batch/v1
kind: Job
spec:
  parallelism: ${trialParameters.workers}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: python
          command: [python, train.py, "--lr=${trialParameters.lr}"]
"""

MANIFEST: Manifest = {
    "apiVersion": "kubeflow.org/v1beta1",
    "kind": "Experiment",
    "metadata": {"name": "tune"},
    "spec": {
        "objective": {
            "type": "minimize",
            "objectiveMetricName": "loss",
            "additionalMetricNames": ["accuracy"],
        },
        "algorithm": {"algorithmName": "random"},
        "parameters": [
            {
                "name": "lr",
                "parameterType": "double",
                "feasibleSpace": {"min": "0.01", "max": "0.03"},
            },
            {
                "name": "workers",
                "parameterType": "int",
                "feasibleSpace": {"min": "1", "max": "4", "step": "1"},
            },
        ],
        "trialTemplate": {
            "primaryContainerName": "main",
            "trialParameters": [
                {"name": "lr", "reference": "lr"},
                {"name": "workers", "reference": "workers"},
            ],
            "trialSpec": {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"labels": {"team": "blue"}, "annotations": {"note": "n"}},
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [
                                {
                                    "name": "main",
                                    "image": "python",
                                    "command": [
                                        "python",
                                        "train.py",
                                        "--lr=${trialParameters.lr}",
                                        "--workers=${trialParameters.workers}",
                                    ],
                                }
                            ],
                        }
                    }
                },
            },
        },
    },
}


def find_config_map(key: Key) -> Mapping[str, str] | None:
    return {"job.yaml": CONFIG_MAP_TEXT} if key == Key("ns", "templates") else None


def a_context(
    algorithms: Iterable[str] = ("random", "grid", "tpe"),
    collector_kinds: Iterable[str] = COLLECTOR_KINDS,
) -> AdmissionContext:
    return AdmissionContext(algorithms, ("medianstop",), collector_kinds, find_config_map)


def edited(changes: Mapping[str, Any], manifest: Manifest = MANIFEST) -> Manifest:
    """A copy with other values at some places, as ``spec.parameters.0.name``."""
    copy = deepcopy(manifest)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place: Any = copy
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if value is GONE:
            del place[last]
        elif isinstance(place, list):
            place[int(last)] = deepcopy(value)
        else:
            place[last] = deepcopy(value)
    return copy


def list_errors(
    manifest: Manifest, old: Experiment | None = None, context: AdmissionContext | None = None
) -> tuple[FieldError, ...]:
    """What the door says against a manifest."""
    try:
        admit(manifest, context or a_context(), old)
    except AdmissionError as error:
        return error.errors
    return ()


@dataclass(frozen=True)
class Case:
    """One row: what is changed, and the errors that are expected: (path, problem, text)."""

    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        return self.sentence


def check(errors: Iterable[FieldError], expected: Iterable[tuple[str, str, str]]) -> None:
    """Exactly these errors, in this order, each with its text."""
    found, wanted = list(errors), list(expected)
    assert [(e.path, e.problem) for e in found] == [(w[0], w[1]) for w in wanted], found
    for error, (_, _, text) in zip(found, wanted, strict=True):
        assert text in error.detail
