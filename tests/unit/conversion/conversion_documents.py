"""An experiment of v1alpha3, and how the tests of conversion change it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from katib.api.values import Key, Manifest
from katib.conversion.experiment import convert
from katib.errors import AdmissionError

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: {{.Trial}}
  namespace: {{.NameSpace}}
spec:
  template:
    spec:
      containers:
      - name: {{.Trial}}
        image: docker.io/me/train
        command:
        - "python3"
        - "train.py"
        {{- with .HyperParameters}}
        {{- range .}}
        - "{{.Name}}={{.Value}}"
        {{- end}}
        {{- end}}
      restartPolicy: Never
"""

PARAMETERS: list[Manifest] = [
    {
        "name": "--lr",
        "parameterType": "double",
        "feasibleSpace": {"min": "0.01", "max": "0.03"},
    },
    {"name": "--num-layers", "parameterType": "int", "feasibleSpace": {"min": "2", "max": "5"}},
]

RAW = "spec.trialTemplate.goTemplate.rawTemplate"
TEMPLATE_SPEC = "spec.trialTemplate.goTemplate.templateSpec"

ConfigMaps = Mapping[Key, Mapping[str, str]]


def an_old_experiment(template: str | None = TEMPLATE, **spec: Any) -> Manifest:
    """A legal document; ``spec`` replaces fields, and ``None`` for the template leaves it out."""
    usual: Manifest = {
        "objective": {"type": "maximize", "objectiveMetricName": "accuracy"},
        "algorithm": {"algorithmName": "random"},
        "parameters": PARAMETERS,
    }
    if template is not None:
        usual["trialTemplate"] = {"goTemplate": {"rawTemplate": template}}
    return deepcopy(
        {
            "apiVersion": "kubeflow.org/v1alpha3",
            "kind": "Experiment",
            "metadata": {"name": "tune", "namespace": "research"},
            "spec": {**usual, **spec},
        }
    )


def converted(manifest: Manifest, config_maps: ConfigMaps | None = None) -> Manifest:
    """What becomes of a document, which stays as it is."""
    before = deepcopy(manifest)
    new = convert(manifest, (config_maps or {}).get)
    assert manifest == before
    return new


def template_of(manifest: Manifest, config_maps: ConfigMaps | None = None) -> Manifest:
    """The trial template that becomes of a document's."""
    template: Manifest = converted(manifest, config_maps)["spec"]["trialTemplate"]
    return template


def refusals(manifest: Manifest, config_maps: ConfigMaps | None = None) -> dict[str, str]:
    """Path and detail of all that is refused; details of one path are on lines of their own."""
    with pytest.raises(AdmissionError) as refused:
        convert(manifest, (config_maps or {}).get)
    found: dict[str, str] = {}
    for error in refused.value.errors:
        found[error.path] = "\n".join([*filter(None, [found.get(error.path)]), error.detail])
    return found


def a_job(containers: str) -> str:
    """The template of a Job with these containers, written at the left margin."""
    head, _, _ = TEMPLATE.partition("      - name: {{.Trial}}")
    return head + "".join(f"      {line}\n" for line in containers.splitlines())


def a_command(*words: str) -> str:
    """The template of a Job whose command is written so, each word as YAML."""
    return a_job("- name: main\n  command:\n" + "\n".join(f"  - {word}" for word in words))


def command_of(manifest: Manifest) -> list[str]:
    """The command of the first container, converted."""
    spec = template_of(manifest)["trialSpec"]["spec"]
    command: list[str] = spec["template"]["spec"]["containers"][0]["command"]
    return command
