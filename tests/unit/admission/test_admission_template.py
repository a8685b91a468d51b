"""The rules of the trial template."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import (
    CONFIG_MAP_TEXT,
    GONE,
    Case,
    check,
    edited,
    list_errors,
)

from katib.admission import AdmissionContext
from katib.api.names import COLLECTOR_KINDS

INVALID, REQUIRED = "Invalid value", "Required value"
PATH = "spec.trialTemplate"
FIRST, FIRST_PATH = f"{PATH}.trialParameters.0", f"{PATH}.trialParameters[0]"
SECOND, SECOND_PATH = f"{PATH}.trialParameters.1", f"{PATH}.trialParameters[1]"
SPEC = f"{PATH}.trialSpec"
POD = f"{SPEC}.spec.template.spec"
CONTAINER = f"{POD}.containers.0"
NAMES_TEXT = "name and reference must be specified and name must not contain '{' or '}'"
LEFT = "in spec.trialTemplate not found in spec.trialParameters"
CONFIG_MAP = {
    SPEC: GONE,
    f"{PATH}.configMap": {
        "configMapName": "templates",
        "configMapNamespace": "ns",
        "templatePath": "job.yaml",
    },
    f"{PATH}.successCondition": "s",
    f"{PATH}.failureCondition": "f",
}
POD_SPEC = {
    "containers": [
        {
            "name": "main",
            "args": ["${trialParameters.lr}", "${trialParameters.workers}"],
        }
    ]
}


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _reference(reference: str, *errors: tuple[str, str, str]) -> Case:
    """A third trial parameter with this reference."""
    changes = {
        f"{PATH}.trialParameters": [
            {"name": "lr", "reference": "lr"},
            {"name": "workers", "reference": "workers"},
            {"name": "third", "reference": reference},
        ],
        f"{CONTAINER}.args": ["${trialParameters.third}"],
    }
    return _case(f"the reference {reference}", changes, *errors)


def _job(sentence: str, changes: dict[str, Any], text: str) -> Case:
    return _case(sentence, changes, (PATH, INVALID, f"invalid spec.trialTemplate: {text}"))


THIRD = f"{PATH}.trialParameters[2].reference"

SOURCES = [
    _case("no template", {PATH: GONE}, (PATH, REQUIRED, "must be specified")),
    _case(
        "no primary container",
        {f"{PATH}.primaryContainerName": ""},
        (f"{PATH}.primaryContainerName", REQUIRED, "must be specified"),
    ),
    _case(
        "no conditions for a kind without defaults",
        {f"{SPEC}.kind": "Workflow", f"{PATH}.failureCondition": "f"},
        (PATH, REQUIRED, "successCondition and failureCondition must be specified"),
    ),
    _case(
        "no trial parameters",
        {f"{PATH}.trialParameters": GONE},
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
    ),
    _case(
        "an empty list of trial parameters",
        {f"{PATH}.trialParameters": []},
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
    ),
    _case(
        "no source",
        {SPEC: GONE, f"{PATH}.successCondition": "s", f"{PATH}.failureCondition": "f"},
        (
            f"{PATH}.TrialSource",
            REQUIRED,
            "spec.trialTemplate.trialSpec or spec.trialTemplate.configMap must be specified",
        ),
    ),
    _case(
        "both sources",
        {f"{PATH}.configMap": {"configMapName": "x"}},
        (
            PATH,
            REQUIRED,
            "only one of spec.trialTemplate.trialSpec or spec.trialTemplate.configMap can be",
        ),
    ),
    _case("a ConfigMap", CONFIG_MAP),
    _case(
        "a ConfigMap without conditions",
        {**CONFIG_MAP, f"{PATH}.successCondition": ""},
        (PATH, REQUIRED, "successCondition and failureCondition must be specified"),
    ),
    *(
        _case(
            f"a ConfigMap without {name}",
            {**CONFIG_MAP, f"{PATH}.configMap.{name}": GONE},
            (
                f"{PATH}.configMap",
                REQUIRED,
                "configMapName, configMapNamespace and templatePath must be specified",
            ),
        )
        for name in ("configMapName", "configMapNamespace", "templatePath")
    ),
    _case(
        "a ConfigMap that is not there",
        {**CONFIG_MAP, f"{PATH}.configMap.configMapName": "other"},
        (
            PATH,
            INVALID,
            "unable to parse spec.trialTemplate: configMap not found: there is no Conf",
        ),
    ),
    _case(
        "a wrong path in a ConfigMap",
        {**CONFIG_MAP, f"{PATH}.configMap.templatePath": "wrong"},
        (PATH, INVALID, 'it has no key "wrong", it holds job.yaml'),
    ),
]

PARAMETERS = [
    _case(
        "a trial parameter without reference",
        {f"{FIRST}.reference": ""},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, LEFT),
    ),
    _case(
        "a trial parameter without name",
        {f"{FIRST}.name": GONE},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, LEFT),
    ),
    _case(
        "a trial parameter named {invalid-name}",
        {f"{FIRST}.name": "{invalid-name}"},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, f"parameters: ${{trialParameters.lr}} {LEFT}"),
    ),
    _case(
        "a duplicated name",
        {f"{SECOND}.name": "lr"},
        (f"{SECOND_PATH}.name", INVALID, "parameter name lr can't be duplicated in"),
        (PATH, INVALID, f"parameters: ${{trialParameters.workers}} {LEFT}"),
    ),
    _case(
        "a duplicated reference",
        {f"{SECOND}.reference": "lr"},
        (f"{SECOND_PATH}.reference", INVALID, "parameter reference lr can't be duplicated in"),
        (PATH, INVALID, f"parameters: ${{trialParameters.workers}} {LEFT}"),
    ),
    _case(
        "a reference to an unknown parameter",
        {f"{SECOND}.reference": "worker"},
        (
            f"{SECOND_PATH}.reference",
            INVALID,
            'parameter reference worker does not exist in spec.parameters, did you mean "workers"?',
        ),
    ),
    _case(
        "a reference to an unknown parameter with empty parameters",
        {
            f"{SECOND}.reference": "architecture",
            "spec.parameters": [],
            "spec.nasConfig": {},
        },
    ),
    _reference("${trialSpec.Name}"),
    _reference("${trialSpec.Namespace}"),
    _reference("${trialSpec.Kind}"),
    _reference("${trialSpec.APIVersion}"),
    _reference("${trialSpec.Annotations[note]}"),
    _reference("${trialSpec.Labels[team]}"),
    _reference("${trialSpec.Labels[other]}", (THIRD, INVALID, 'no metadata.labels["other"]')),
    _reference("${trialSpec.Labels}", (THIRD, INVALID, "write ${trialSpec.Labels[key]}")),
    _reference("${trialSpec.Color}", (THIRD, INVALID, "does not exist in spec.parameters")),
    _case(
        "an undeclared placeholder",
        {f"{CONTAINER}.args": ["${trialParameters.extra}"]},
        (PATH, INVALID, f"parameters: ${{trialParameters.extra}} {LEFT}"),
    ),
    _case(
        "a declared parameter that is missing in the template: nothing further is reported",
        {
            f"{CONTAINER}.command": ["${trialParameters.workers}"],
            f"{SPEC}.metadata.name": "x",
        },
        (
            f"{FIRST_PATH}.name",
            INVALID,
            "parameter name: lr in spec.trialParameters not found in spec.trialTemplate",
        ),
    ),
    _case(
        "a placeholder without its closing brace",
        {f"{CONTAINER}.command.2": "--lr=${trialParameters.lr"},
        (f"{FIRST_PATH}.name", INVALID, "write ${trialParameters.lr} there"),
    ),
    _case(
        "a parameter of the search space that no trial would get",
        {
            "spec.parameters.1.name": "lost",
            f"{PATH}.trialParameters": [{"name": "lr", "reference": "lr"}],
            f"{CONTAINER}.command": ["${trialParameters.lr}"],
        },
        (f"{PATH}.trialParameters", INVALID, "parameter lost of spec.parameters is referred to by"),
    ),
    _case(
        "names with quotes",
        {f"{FIRST}.name": 'l"r', f"{CONTAINER}.command.2": '${trialParameters.l"r}'},
    ),
]

MANIFESTS = [
    *(
        _case(
            f"a template with metadata.{name}",
            {f"{SPEC}.metadata.{name}": "x"},
            (PATH, INVALID, "metadata.name and metadata.namespace in spec.trialTemplate must be"),
        )
        for name in ("name", "namespace")
    ),
    *(
        _case(
            f"a template without {name}",
            {
                f"{SPEC}.{name}": GONE,
                f"{PATH}.successCondition": "s",
                f"{PATH}.failureCondition": "f",
            },
            (PATH, REQUIRED, "APIVersion and Kind in spec.trialTemplate must be specified"),
        )
        for name in ("apiVersion", "kind")
    ),
    _case(
        "a custom kind",
        {
            f"{SPEC}.kind": "Custom",
            f"{SPEC}.apiVersion": "x/v1",
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
        },
    ),
    _job(
        "containers that are a map",
        {f"{POD}.containers": {"name": "main", "args": POD_SPEC["containers"]}},
        "spec.template.spec.containers must be a list of containers",
    ),
    _job(
        "an unknown field next to spec",
        {f"{SPEC}.specs": {}},
        'specs is not a field of a Job, did you mean "spec"?',
    ),
    _job(
        "an unknown field below spec",
        {f"{SPEC}.spec.backofLimit": 1},
        'spec.backofLimit is not a field of a Job, did you mean "backoffLimit"?',
    ),
    _job(
        "no restart policy",
        {f"{POD}.restartPolicy": GONE},
        "spec.template.spec.restartPolicy must be Never or OnFailure",
    ),
    _job(
        "the restart policy Always",
        {f"{POD}.restartPolicy": "Always"},
        'spec.template.spec.restartPolicy must be Never or OnFailure, found "Always"',
    ),
    _case("the restart policy OnFailure", {f"{POD}.restartPolicy": "OnFailure"}),
    _job(
        "a container that is a text",
        {
            f"{POD}.containers": [
                {"name": "main", "args": ["${trialParameters.lr}${trialParameters.workers}"]},
                "second",
            ]
        },
        "spec.template.spec.containers[1] must be a map",
    ),
    _job(
        "a container without name",
        {
            f"{POD}.containers": [
                {"name": "main", "args": ["${trialParameters.lr}${trialParameters.workers}"]},
                {"image": "x"},
            ]
        },
        "spec.template.spec.containers[1].name must be specified",
    ),
    _job(
        "an argument that is a number",
        {f"{CONTAINER}.args": ["--epochs", 5]},
        'spec.template.spec.containers[0].args[1] must be a string, write "5"',
    ),
    _job(
        "arguments that are a text",
        {f"{CONTAINER}.args": "--epochs 5"},
        "spec.template.spec.containers[0].args must be a list of strings",
    ),
    _job(
        "a variable that is a number",
        {f"{CONTAINER}.env": [{"name": "N", "value": 5}]},
        'spec.template.spec.containers[0].env[0].value must be a string, write "5"',
    ),
    _job(
        "variables that are a map",
        {f"{CONTAINER}.env": {"N": "5"}},
        "spec.template.spec.containers[0].env must be a list of variables",
    ),
    _case(
        "a Job that asks for a GPU",
        {f"{CONTAINER}.resources": {"limits": {"nvidia.com/gpu": 1}, "requests": {"x/y": "1"}}},
    ),
    _case(
        "a Job of another group with anything",
        {f"{SPEC}.apiVersion": "test/v1", f"{SPEC}.anything": 1, f"{POD}.restartPolicy": "?"},
    ),
    _case(
        "a primary container that is not there",
        {f"{PATH}.primaryContainerName": "mane"},
        (
            f"{PATH}.primaryContainerName",
            INVALID,
            'the template has no such container, did you mean "main"?; it has main',
        ),
    ),
    _case(
        "a Pod",
        {
            SPEC: {"apiVersion": "v1", "kind": "Pod", "spec": POD_SPEC},
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
        },
    ),
    _case(
        "a Pod without the primary container",
        {
            SPEC: {"apiVersion": "v1", "kind": "Pod", "spec": POD_SPEC},
            f"{PATH}.successCondition": "s",
            f"{PATH}.failureCondition": "f",
            f"{PATH}.primaryContainerName": "other",
        },
        (f"{PATH}.primaryContainerName", INVALID, "it has main"),
    ),
    _job(
        "a Job whose spec is a text",
        {f"{SPEC}.spec": "${trialParameters.lr}${trialParameters.workers}"},
        "spec must be a map",
    ),
    _job(
        "a Job whose template is a text",
        {f"{SPEC}.spec.template": "${trialParameters.lr}${trialParameters.workers}"},
        "spec.template must be a map",
    ),
    _job(
        "a Job whose pod is a text",
        {f"{POD}": "${trialParameters.lr}${trialParameters.workers}"},
        "spec.template.spec must be a map",
    ),
]


@pytest.mark.parametrize("case", [*SOURCES, *PARAMETERS, *MANIFESTS], ids=str)
def test_template_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CONFIG_MAP_TEXT.replace("spec:\n", "spec: [\n", 1), "line"),
        ("[${trialParameters.lr}, ${trialParameters.workers}]", "not a resource"),
        (f"{CONFIG_MAP_TEXT}\n---\na: b\n", "it holds 2"),
    ],
    ids=["no YAML", "no map", "two documents"],
)
def test_text_of_a_config_map_that_is_no_manifest(text: str, problem: str) -> None:
    context = AdmissionContext(["random"], [], COLLECTOR_KINDS, lambda _: {"job.yaml": text})
    (error,) = list_errors(edited(CONFIG_MAP), context=context)
    assert error.path == PATH
    assert error.detail.startswith("unable to convert spec.trialTemplate: ")
    assert error.detail.endswith(" to unstructured")
    assert problem in error.detail
