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


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _reference(sentence: str, reference: str, *errors: tuple[str, str, str]) -> Case:
    """A third trial parameter with this reference."""
    changes = {
        f"{PATH}.trialParameters": [
            {"name": "lr", "reference": "lr"},
            {"name": "workers", "reference": "workers"},
            {"name": "third", "reference": reference},
        ],
        f"{CONTAINER}.args": ["${trialParameters.third}"],
    }
    return _case(sentence, changes, *errors)


THIRD = f"{PATH}.trialParameters[2].reference"

FAILED = 'status.conditions.#(type=="Failed")#|#(status=="True")#'

NO_CONDITIONS = (
    "successCondition and failureCondition must be specified; a trialSpec needs none when its kind "
    "is Job, TFJob, PyTorchJob, XGBoostJob, MPIJob, TrainJob or FunctionCall"
)

SOURCES = [
    _case(
        "an experiment without a trial template is refused at `spec.trialTemplate`",
        {PATH: GONE},
        (PATH, REQUIRED, "must be specified"),
    ),
    _case(
        "an empty `primaryContainerName` is refused",
        {f"{PATH}.primaryContainerName": ""},
        (f"{PATH}.primaryContainerName", REQUIRED, "must be specified"),
    ),
    _case(
        "a missing success condition of a kind without defaults is refused",
        {f"{SPEC}.kind": "Workflow", f"{PATH}.failureCondition": "f"},
        (PATH, REQUIRED, NO_CONDITIONS),
    ),
    _case(
        "a template without trial parameters is refused at `trialParameters`",
        {f"{PATH}.trialParameters": GONE},
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
    ),
    _case(
        "an empty list of trial parameters is refused as a missing one",
        {f"{PATH}.trialParameters": []},
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
    ),
    _case(
        "a template without a source is refused at `spec.trialTemplate.TrialSource`",
        {SPEC: GONE, f"{PATH}.successCondition": "s", f"{PATH}.failureCondition": "f"},
        (
            f"{PATH}.TrialSource",
            REQUIRED,
            "spec.trialTemplate.trialSpec or spec.trialTemplate.configMap must be specified",
        ),
    ),
    _case(
        "a missing primary container and a missing condition do not hide what follows",
        {
            f"{SPEC}.kind": "Workflow",
            f"{PATH}.primaryContainerName": "",
            f"{PATH}.trialParameters": [],
        },
        (f"{PATH}.primaryContainerName", REQUIRED, "must be specified"),
        (PATH, REQUIRED, NO_CONDITIONS),
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
    ),
    _case(
        "missing trial parameters do not hide what is wrong with the manifest",
        {f"{PATH}.trialParameters": GONE, f"{SPEC}.metadata.name": "x"},
        (f"{PATH}.trialParameters", REQUIRED, "must be specified"),
        (PATH, INVALID, "metadata.name and metadata.namespace in spec.trialTemplate must be"),
    ),
    _case(
        "with both sources the template is not looked into",
        {
            f"{PATH}.configMap": {"configMapName": "x"},
            f"{SPEC}.metadata.name": "x",
            f"{FIRST}.reference": "",
        },
        (
            PATH,
            REQUIRED,
            "only one of spec.trialTemplate.trialSpec or spec.trialTemplate.configMap can be",
        ),
    ),
    _case(
        "a template that cannot be found does not hide an unsound trial parameter",
        {**CONFIG_MAP, f"{PATH}.configMap.templatePath": "wrong", f"{FIRST}.reference": ""},
        (PATH, INVALID, 'it has no key "wrong", it holds job.yaml'),
        (FIRST_PATH, INVALID, "name and reference must be specified"),
    ),
    _case(
        "a template with both `trialSpec` and `configMap` is refused",
        {f"{PATH}.configMap": {"configMapName": "x"}},
        (
            PATH,
            REQUIRED,
            "only one of spec.trialTemplate.trialSpec or spec.trialTemplate.configMap can be",
        ),
    ),
    _case(
        "a ConfigMap's placeholder may stand for a number, though Katib refuses it in a Job",
        CONFIG_MAP,
    ),
    _case(
        "a template from a ConfigMap is accepted",
        {**CONFIG_MAP, f"{PATH}.failureCondition": FAILED},
    ),
    _case(
        "a missing failure condition of a kind without defaults is refused",
        {f"{SPEC}.kind": "Workflow", f"{PATH}.successCondition": "s"},
        (PATH, REQUIRED, NO_CONDITIONS),
    ),
    _case(
        "an empty success condition of a Job is filled in and so accepted",
        {f"{PATH}.successCondition": ""},
    ),
    *(
        _case(
            sentence,
            {f"{PATH}.{field}": text},
            (f"{PATH}.{field}", INVALID, f"invalid GJSON path: {problem}"),
        )
        for sentence, field, text, problem in (
            (
                "a success condition with a query that is never closed is refused",
                "successCondition",
                'status.conditions.#(type=="Complete"',
                "#( at character 19 is never closed",
            ),
            (
                "a failure condition whose second query is never closed is refused",
                "failureCondition",
                'status.conditions.#(type=="Failed")#|#(status=="True"',
                "#( at character 38 is never closed",
            ),
            (
                "a condition with a quotation that is never closed is refused",
                "successCondition",
                'status.conditions.#(type=="Complete)#',
                "#( at character 19 is never closed",
            ),
            (
                "a condition with a selection that is never closed is refused",
                "failureCondition",
                "[status.failed,status.active",
                "[ at character 1 is never closed",
            ),
        )
    ),
    *(
        _case(sentence, {f"{PATH}.successCondition": text})
        for sentence, text in {
            "a condition with queries inside queries is accepted": 'a.#(b.#(c=="x"))#|[0].d',
            "brackets inside a quotation of a condition do not count": 'a.#(b==")]#(")#',
            "a bracket in the middle of a condition's key is a part of it": r"a.b(c.d\.[e",
        }.items()
    ),
    _case(
        "a template from a ConfigMap without a success condition is refused",
        {**CONFIG_MAP, f"{PATH}.successCondition": ""},
        (PATH, REQUIRED, NO_CONDITIONS),
    ),
    *(
        _case(
            sentence,
            {**CONFIG_MAP, f"{PATH}.configMap.{name}": GONE},
            (
                f"{PATH}.configMap",
                REQUIRED,
                "configMapName, configMapNamespace and templatePath must be specified",
            ),
        )
        for sentence, name in {
            "a ConfigMap source without `configMapName` is refused": "configMapName",
            "a ConfigMap source without `configMapNamespace` is refused": "configMapNamespace",
            "a ConfigMap source without `templatePath` is refused": "templatePath",
        }.items()
    ),
    _case(
        "a ConfigMap that does not exist is refused at `spec.trialTemplate`",
        {**CONFIG_MAP, f"{PATH}.configMap.configMapName": "other"},
        (
            PATH,
            INVALID,
            "unable to parse spec.trialTemplate: configMap not found: there is no Conf",
        ),
    ),
    _case(
        "a `templatePath` that the ConfigMap does not hold is refused at `spec.trialTemplate`",
        {**CONFIG_MAP, f"{PATH}.configMap.templatePath": "wrong"},
        (PATH, INVALID, 'it has no key "wrong", it holds job.yaml'),
    ),
]

PARAMETERS = [
    _case(
        "a trial parameter without a reference is refused, and so is the placeholder left over",
        {f"{FIRST}.reference": ""},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, LEFT),
    ),
    _case(
        "a trial parameter without a name is refused, and so is the placeholder left over",
        {f"{FIRST}.name": GONE},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, LEFT),
    ),
    _case(
        "a trial parameter named `{invalid-name}` is refused, and so is the placeholder left over",
        {f"{FIRST}.name": "{invalid-name}"},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (PATH, INVALID, f"parameters: ${{trialParameters.lr}} {LEFT}"),
    ),
    _case(
        "a second trial parameter of one name is refused, and so is the placeholder left over",
        {f"{SECOND}.name": "lr"},
        (f"{SECOND_PATH}.name", INVALID, "parameter name lr can't be duplicated in"),
        (PATH, INVALID, f"parameters: ${{trialParameters.workers}} {LEFT}"),
    ),
    _case(
        "a second reference to one parameter is refused, and so is the placeholder left over",
        {f"{SECOND}.reference": "lr"},
        (f"{SECOND_PATH}.reference", INVALID, "parameter reference lr can't be duplicated in"),
        (PATH, INVALID, f"parameters: ${{trialParameters.workers}} {LEFT}"),
    ),
    _case(
        "a reference to an unknown parameter is refused at the reference",
        {f"{SECOND}.reference": "worker"},
        (
            f"{SECOND_PATH}.reference",
            INVALID,
            'parameter reference worker does not exist in spec.parameters, did you mean "workers"?',
        ),
    ),
    _case(
        "without `spec.parameters` a reference may name anything, as an architecture",
        {
            f"{SECOND}.reference": "architecture",
            "spec.parameters": [],
            "spec.nasConfig": {},
        },
    ),
    _reference("the reference `${trialSpec.Name}` is accepted", "${trialSpec.Name}"),
    _reference("the reference `${trialSpec.Namespace}` is accepted", "${trialSpec.Namespace}"),
    _reference("the reference `${trialSpec.Kind}` is accepted", "${trialSpec.Kind}"),
    _reference("the reference `${trialSpec.APIVersion}` is accepted", "${trialSpec.APIVersion}"),
    _reference(
        "the reference `${trialSpec.Annotations[note]}` is accepted",
        "${trialSpec.Annotations[note]}",
    ),
    _reference(
        "the reference `${trialSpec.Labels[team]}` is accepted", "${trialSpec.Labels[team]}"
    ),
    _reference(
        "a reference to a label that the template does not have is refused",
        "${trialSpec.Labels[other]}",
        (THIRD, INVALID, 'no metadata.labels["other"]'),
    ),
    _reference(
        "the reference `${trialSpec.Labels}` without a key is refused, though Katib takes it",
        "${trialSpec.Labels}",
        (THIRD, INVALID, "write ${trialSpec.Labels[key]}"),
    ),
    _reference(
        "a reference to metadata that does not exist is refused at the reference",
        "${trialSpec.Color}",
        (THIRD, INVALID, "does not exist in spec.parameters"),
    ),
    _reference(
        "a reference to an annotation that the template does not have is refused",
        "${trialSpec.Annotations[x]}",
        (THIRD, INVALID, 'no metadata.annotations["x"]'),
    ),
    _reference("text around a metadata reference does not matter", "the ${trialSpec.Name} of it"),
    _case(
        "metadata references inside the template are not placeholders",
        {f"{CONTAINER}.args": ["${trialSpec.Name}", "${trialSpec.Color}"]},
    ),
    _case(
        "a placeholder may come several times in the template",
        {f"{CONTAINER}.args": ["${trialParameters.lr}${trialParameters.lr}"]},
    ),
    _case(
        "the description of a trial parameter is optional and free",
        {f"{FIRST}.description": "How fast, {1}"},
    ),
    _case("`retain` may be true", {f"{PATH}.retain": True}),
    _case(
        "an undeclared placeholder in the template is refused at `spec.trialTemplate`",
        {f"{CONTAINER}.args": ["${trialParameters.extra}"]},
        (PATH, INVALID, f"parameters: ${{trialParameters.extra}} {LEFT}"),
    ),
    _case(
        "a trial parameter that the template lacks is refused, and does not hide what follows",
        {
            f"{CONTAINER}.command": ["${trialParameters.workers}"],
            f"{SPEC}.metadata.name": "x",
        },
        (
            f"{FIRST_PATH}.name",
            INVALID,
            "parameter name: lr in spec.trialParameters not found in spec.trialTemplate",
        ),
        (PATH, INVALID, "metadata.name and metadata.namespace in spec.trialTemplate must be"),
    ),
    _case(
        "a placeholder without its closing brace is none",
        {f"{CONTAINER}.command.2": "--lr=${trialParameters.lr"},
        (f"{FIRST_PATH}.name", INVALID, "write ${trialParameters.lr} there"),
    ),
    _case(
        "a parameter that no trial parameter refers to is refused, though Katib takes it",
        {
            "spec.parameters.1.name": "lost",
            f"{PATH}.trialParameters": [{"name": "lr", "reference": "lr"}],
            f"{CONTAINER}.command": ["${trialParameters.lr}"],
        },
        (f"{PATH}.trialParameters", INVALID, "parameter lost of spec.parameters is referred to by"),
    ),
    _case(
        "every unsound trial parameter is told, not only the first",
        {f"{FIRST}.reference": "", f"{SECOND}.name": "{workers"},
        (FIRST_PATH, INVALID, NAMES_TEXT),
        (SECOND_PATH, INVALID, NAMES_TEXT),
        (
            PATH,
            INVALID,
            f"parameters: ${{trialParameters.lr}}, ${{trialParameters.workers}} {LEFT}",
        ),
    ),
    _case(
        "an unknown reference does not hide that the template lacks the placeholder",
        {f"{FIRST}.reference": "lrr", f"{FIRST}.name": "rate"},
        (f"{FIRST_PATH}.reference", INVALID, "lrr does not exist in spec.parameters, did you mean"),
        (f"{FIRST_PATH}.name", INVALID, "parameter name: rate in spec.trialParameters not found"),
        (PATH, INVALID, "parameters: ${trialParameters.lr} in spec.trialTemplate not found in"),
    ),
    _case(
        "the name of a trial parameter may hold quotes",
        {f"{FIRST}.name": 'l"r', f"{CONTAINER}.command.2": '${trialParameters.l"r}'},
    ),
]


@pytest.mark.parametrize("case", [*SOURCES, *PARAMETERS], ids=str)
def test_template_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CONFIG_MAP_TEXT.replace("spec:\n", "spec: [\n", 1), "line"),
        ("[${trialParameters.lr}, ${trialParameters.workers}]", "not a resource"),
        (f"{CONFIG_MAP_TEXT}\n---\na: b\n", "it holds 2"),
    ],
    ids=[
        "a ConfigMap's text that is no YAML is refused at `spec.trialTemplate`",
        "a ConfigMap's text that is no map is refused at `spec.trialTemplate`",
        "a ConfigMap's text of two documents is refused at `spec.trialTemplate`",
    ],
)
def test_text_of_a_config_map_that_is_no_manifest(text: str, problem: str) -> None:
    context = AdmissionContext(["random"], [], COLLECTOR_KINDS, lambda _: {"job.yaml": text})
    (error,) = list_errors(edited(CONFIG_MAP), context=context)
    assert error.path == PATH
    assert error.detail.startswith("unable to convert spec.trialTemplate: ")
    assert error.detail.endswith(" to unstructured")
    assert problem in error.detail
