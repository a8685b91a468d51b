"""The rules of the manifest that a template becomes: its head, and the schema of Jobs and Pods."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import GONE, Case, check, edited, list_errors

INVALID, REQUIRED = "Invalid value", "Required value"
PATH = "spec.trialTemplate"
SPEC = f"{PATH}.trialSpec"
POD = f"{SPEC}.spec.template.spec"
CONTAINER = f"{POD}.containers.0"
POD_SPEC = {
    "containers": [
        {
            "name": "main",
            "args": ["${trialParameters.lr}", "${trialParameters.workers}"],
        }
    ]
}


POD_TEMPLATE = {
    SPEC: {"apiVersion": "v1", "kind": "Pod", "spec": POD_SPEC},
    f"{PATH}.successCondition": "s",
    f"{PATH}.failureCondition": "f",
}


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _job(sentence: str, changes: dict[str, Any], text: str) -> Case:
    return _case(sentence, changes, (PATH, INVALID, f"invalid spec.trialTemplate: {text}"))


MANIFESTS = [
    *(
        _case(
            sentence,
            {f"{SPEC}.metadata.{name}": "x"},
            (PATH, INVALID, "metadata.name and metadata.namespace in spec.trialTemplate must be"),
        )
        for sentence, name in {
            "a template with `metadata.name` is refused": "name",
            "a template with `metadata.namespace` is refused": "namespace",
        }.items()
    ),
    *(
        _case(
            sentence,
            {
                f"{SPEC}.{name}": GONE,
                f"{PATH}.successCondition": "s",
                f"{PATH}.failureCondition": "f",
            },
            (PATH, REQUIRED, "APIVersion and Kind in spec.trialTemplate must be specified"),
        )
        for sentence, name in {
            "a template without `apiVersion` is refused": "apiVersion",
            "a template without `kind` is refused": "kind",
        }.items()
    ),
    _case(
        "a template with a name and without `apiVersion` is refused for both",
        {f"{SPEC}.metadata.name": "x", f"{SPEC}.apiVersion": GONE},
        (PATH, INVALID, "metadata.name and metadata.namespace in spec.trialTemplate must be"),
        (PATH, REQUIRED, "APIVersion and Kind in spec.trialTemplate must be specified"),
    ),
    _case(
        "a template of a custom kind is accepted",
        {
            f"{SPEC}.kind": "Custom",
            f"{SPEC}.apiVersion": "x/v1",
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
        },
    ),
    _case(
        "a kind of Kubernetes in a version of its group that does not have it is refused",
        {
            f"{SPEC}.apiVersion": "batch/v2",
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
        },
        (PATH, INVALID, "apiVersion batch/v2 has no kind Job, write batch/v1"),
    ),
    _case(
        "a kind of another group may have the name of one of Kubernetes",
        {
            f"{SPEC}.apiVersion": "batch.volcano.sh/v1alpha1",
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
        },
    ),
    _job(
        "a `batch/v1` Job whose `containers` is a map is refused",
        {f"{POD}.containers": {"name": "main", "args": POD_SPEC["containers"]}},
        "spec.template.spec.containers must be a list of containers",
    ),
    _job(
        "a `batch/v1` Job with an unknown field next to `spec` is refused",
        {f"{SPEC}.specs": {}},
        'specs is not a field of a Job, did you mean "spec"?',
    ),
    _job(
        "a `batch/v1` Job with an unknown field below `spec` is refused",
        {f"{SPEC}.spec.backofLimit": 1},
        'spec.backofLimit is not a field of a Job, did you mean "backoffLimit"?',
    ),
    _job(
        "a Job without `restartPolicy` is refused",
        {f"{POD}.restartPolicy": GONE},
        "spec.template.spec.restartPolicy must be Never or OnFailure",
    ),
    _job(
        "a Job with the `restartPolicy` `Always` is refused",
        {f"{POD}.restartPolicy": "Always"},
        'spec.template.spec.restartPolicy must be Never or OnFailure, found "Always"',
    ),
    _case(
        "a Job with the `restartPolicy` `OnFailure` is accepted",
        {f"{POD}.restartPolicy": "OnFailure"},
    ),
    _job(
        "a container that is a string is refused",
        {
            f"{POD}.containers": [
                {"name": "main", "args": ["${trialParameters.lr}${trialParameters.workers}"]},
                "second",
            ]
        },
        "spec.template.spec.containers[1] must be a map",
    ),
    _job(
        "a container without a name is refused",
        {
            f"{POD}.containers": [
                {"name": "main", "args": ["${trialParameters.lr}${trialParameters.workers}"]},
                {"image": "x"},
            ]
        },
        "spec.template.spec.containers[1].name must be specified",
    ),
    _job(
        "an argument that is a number is refused, with the string to write",
        {f"{CONTAINER}.args": ["--epochs", 5]},
        'spec.template.spec.containers[0].args[1] must be a string, write "5"',
    ),
    _job(
        "arguments that are a string are refused",
        {f"{CONTAINER}.args": "--epochs 5"},
        "spec.template.spec.containers[0].args must be a list of strings",
    ),
    _job(
        "an environment variable that is a number is refused, with the string to write",
        {f"{CONTAINER}.env": [{"name": "N", "value": 5}]},
        'spec.template.spec.containers[0].env[0].value must be a string, write "5"',
    ),
    _job(
        "environment variables that are a map are refused",
        {f"{CONTAINER}.env": {"N": "5"}},
        "spec.template.spec.containers[0].env must be a list of variables",
    ),
    _job(
        "a Job with an unknown field in its pod is refused",
        {f"{POD}.restartpolicy": "Never"},
        'spec.template.spec.restartpolicy is not a field of a Job, did you mean "restartPolicy"?',
    ),
    _job(
        "a Job with an unknown field in a container is refused",
        {f"{CONTAINER}.comand": ["x"]},
        'spec.template.spec.containers[0].comand is not a field of a Job, did you mean "command"?',
    ),
    _job(
        "a Job with an unknown field next to the limits of a container is refused",
        {f"{CONTAINER}.resources": {"limit": {"cpu": 1}}},
        "spec.template.spec.containers[0].resources.limit is not a field of a Job, did you mean "
        '"limits"?',
    ),
    _job(
        "a Job whose `backoffLimit` is a string is refused",
        {f"{SPEC}.spec.backoffLimit": "3"},
        "spec.backoffLimit must be an integer",
    ),
    _job(
        "a placeholder for an integer in `trialSpec` is refused, as it can only become a string",
        {f"{SPEC}.spec.parallelism": "${trialParameters.workers}"},
        "spec.parallelism must be an integer",
    ),
    _job(
        "a Job whose `suspend` is a string is refused",
        {f"{SPEC}.spec.suspend": "no"},
        "spec.suspend must be true or false",
    ),
    _job(
        "a Job whose pod label is a number is refused",
        {f"{SPEC}.spec.template.metadata.labels": {"size": 3}},
        'spec.template.metadata.labels has size, which must be a string, write "3"',
    ),
    _job(
        "a Job whose pod has a list as annotations is refused",
        {f"{SPEC}.spec.template.metadata.annotations": ["x"]},
        "spec.template.metadata.annotations must be a map of strings to strings",
    ),
    _job(
        "a null in place of an argument is refused",
        {f"{CONTAINER}.args": [None]},
        "spec.template.spec.containers[0].args[0] must not be empty",
    ),
    _job(
        "an environment variable without a name is refused",
        {f"{CONTAINER}.env": [{"value": "5"}]},
        "spec.template.spec.containers[0].env[0].name must be specified",
    ),
    _job(
        "a Job without containers is refused",
        {
            f"{POD}.containers": [],
            f"{SPEC}.metadata.labels.all": "${trialParameters.lr}${trialParameters.workers}",
        },
        "spec.template.spec.containers must be a list of containers",
    ),
    _job(
        "a Job without a pod is refused",
        {
            f"{SPEC}.spec.template": {
                "metadata": {"labels": {"all": "${trialParameters.lr}${trialParameters.workers}"}}
            }
        },
        "spec.template.spec must be specified",
    ),
    _job(
        "a Job without a pod template is refused",
        {
            f"{SPEC}.spec": {},
            f"{SPEC}.metadata.labels.all": "${trialParameters.lr}${trialParameters.workers}",
        },
        "spec.template must be specified",
    ),
    _job(
        "a Job without a spec is refused",
        {
            f"{SPEC}.spec": GONE,
            f"{SPEC}.metadata.labels.all": "${trialParameters.lr}${trialParameters.workers}",
        },
        "spec must be specified",
    ),
    _case(
        "nulls in a Job mean that the field is absent",
        {f"{SPEC}.spec.backoffLimit": None, f"{CONTAINER}.env": None, f"{POD}.volumes": None},
    ),
    _case(
        "volumes, probes and security contexts of a Job are not looked into",
        {
            f"{POD}.volumes": [{"name": "v", "anything": 1}],
            f"{CONTAINER}.livenessProbe": {"anything": 1},
            f"{CONTAINER}.securityContext": {"anything": 1},
        },
    ),
    _case(
        "limits and requests of `nvidia.com/gpu` and any other resource are accepted",
        {f"{CONTAINER}.resources": {"limits": {"nvidia.com/gpu": 1}, "requests": {"x/y": "1"}}},
    ),
    _case(
        "a Job of `test/v1` may hold anything",
        {f"{SPEC}.apiVersion": "test/v1", f"{SPEC}.anything": 1, f"{POD}.restartPolicy": "?"},
    ),
    _case(
        "a primary container that the Job does not have is refused, with the likely name",
        {f"{PATH}.primaryContainerName": "mane"},
        (
            f"{PATH}.primaryContainerName",
            INVALID,
            'the template has no such container, did you mean "main"?; it has main',
        ),
    ),
    _case(
        "a template of kind Pod is accepted",
        {
            **POD_TEMPLATE,
        },
    ),
    _case(
        "unknown fields of a Pod are let pass, as Katib does not look at Pods",
        {**POD_TEMPLATE, f"{SPEC}.spec.newField": 1},
    ),
    _case(
        "a Pod without containers is refused",
        {
            **POD_TEMPLATE,
            f"{SPEC}.spec.containers": [],
            f"{SPEC}.metadata.labels.all": "${trialParameters.lr}${trialParameters.workers}",
        },
        (PATH, INVALID, "spec.containers must be a list of containers, at least one"),
    ),
    _case(
        "an argument of a Pod that is a number is refused",
        {**POD_TEMPLATE, f"{SPEC}.spec.containers.0.command": ["a", 5]},
        (PATH, INVALID, 'spec.containers[0].command[1] must be a string, write "5"'),
    ),
    _case(
        "a primary container that the Pod does not have is refused",
        {
            **POD_TEMPLATE,
            f"{PATH}.primaryContainerName": "other",
        },
        (f"{PATH}.primaryContainerName", INVALID, "it has main"),
    ),
    _job(
        "a Job whose `spec` is a string is refused",
        {f"{SPEC}.spec": "${trialParameters.lr}${trialParameters.workers}"},
        "spec must be a map",
    ),
    _job(
        "a Job whose `spec.template` is a string is refused",
        {f"{SPEC}.spec.template": "${trialParameters.lr}${trialParameters.workers}"},
        "spec.template must be a map",
    ),
    _job(
        "a Job whose `spec.template.spec` is a string is refused",
        {f"{POD}": "${trialParameters.lr}${trialParameters.workers}"},
        "spec.template.spec must be a map",
    ),
]


@pytest.mark.parametrize("case", MANIFESTS, ids=str)
def test_manifest_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)
