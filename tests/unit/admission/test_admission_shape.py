"""Misfits and unknown fields."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import edited, list_errors

from katib.admission import unknown_fields
from katib.admission.problems import is_related
from katib.errors import printed

FIRST = "spec.parameters.0"
MISFITS: list[tuple[str, str, Any, str]] = [
    (
        "a bound that is a number is refused, with the string to write",
        "spec.parameters.1.feasibleSpace.max",
        0.03,
        'spec.parameters[1].feasibleSpace.max: Invalid value: 0.03: must be a string, write "0.03"',
    ),
    (
        "a bound that is an integer is refused, with the string to write",
        f"{FIRST}.feasibleSpace.min",
        1,
        'spec.parameters[0].feasibleSpace.min: Invalid value: 1: must be a string, write "1"',
    ),
    (
        "an item of a list that is a boolean is refused, with the string to write",
        f"{FIRST}.feasibleSpace.list",
        [True],
        "spec.parameters[0].feasibleSpace.list[0]: Invalid value: true: must be a string, write "
        '"true"',
    ),
    (
        "a name that is a map is refused",
        "spec.algorithm.algorithmName",
        {"a": 1},
        'spec.algorithm.algorithmName: Invalid value: {"a": 1}: must be a string',
    ),
    (
        "a count that is a string is refused, with the integer to write",
        "spec.maxTrialCount",
        "12",
        'spec.maxTrialCount: Invalid value: "12": must be an integer, write 12',
    ),
    (
        "a count with a fraction is refused",
        "spec.maxTrialCount",
        1.5,
        "spec.maxTrialCount: Invalid value: 1.5: must be an integer",
    ),
    (
        "a count that is a boolean is refused",
        "spec.maxTrialCount",
        True,
        "spec.maxTrialCount: Invalid value: true: must be an integer",
    ),
    (
        "a count beyond 32 bits is refused",
        "spec.maxTrialCount",
        2**31,
        "spec.maxTrialCount: Invalid value: 2147483648: must not be greater than 2147483647",
    ),
    (
        "an infinite count is refused",
        "spec.maxTrialCount",
        float("inf"),
        "spec.maxTrialCount: Invalid value: .inf: must be an integer",
    ),
    (
        "a goal that is a string is refused, with the number to write",
        "spec.objective.goal",
        "0.99",
        'spec.objective.goal: Invalid value: "0.99": must be a number, write 0.99',
    ),
    (
        "a goal that is not a finite number is refused",
        "spec.objective.goal",
        float("nan"),
        "spec.objective.goal: Invalid value: .nan: must be a finite number",
    ),
    (
        "a flag that is a string is refused, with the value to write",
        "spec.trialTemplate.retain",
        "True",
        'spec.trialTemplate.retain: Invalid value: "True": must be true or false, write true',
    ),
    (
        "parameters that are a map are refused",
        "spec.parameters",
        {"lr": {}},
        'spec.parameters: Invalid value: {"lr": {}}: must be a list',
    ),
    (
        "a parameter that is a string is refused",
        FIRST,
        "lr",
        'spec.parameters[0]: Invalid value: "lr": must be a map',
    ),
    (
        "an objective that is a string is refused",
        "spec.objective",
        "loss",
        'spec.objective: Invalid value: "loss": must be a map',
    ),
    (
        "a `trialSpec` that is a string is refused",
        "spec.trialTemplate.trialSpec",
        "x",
        'spec.trialTemplate.trialSpec: Invalid value: "x": must be a map',
    ),
    (
        "a label that is a number is refused, with the string to write",
        "metadata.labels",
        {"a/b": 5},
        'metadata.labels[a/b]: Invalid value: 5: must be a string, write "5"',
    ),
    (
        "labels that are a list are refused",
        "metadata.labels",
        ["a"],
        'metadata.labels: Invalid value: ["a"]: must be a map of strings to strings',
    ),
    (
        "a time that is a word is refused",
        "metadata.creationTimestamp",
        "today",
        'metadata.creationTimestamp: Invalid value: "today": must be a time as 2024-01-31T12:00',
    ),
    (
        "an owner reference without its uid is refused",
        "metadata.ownerReferences",
        [{"apiVersion": "v1", "kind": "Pod", "name": "p"}],
        "metadata.ownerReferences[0].uid: Required value: must be specified",
    ),
    (
        "a layer size that is a string is refused, with the integer to write",
        "spec.nasConfig",
        {"graphConfig": {"inputSizes": [32, "3"]}},
        'spec.nasConfig.graphConfig.inputSizes[1]: Invalid value: "3": must be an integer, write 3',
    ),
    (
        "a null in place of a parameter is refused",
        FIRST,
        None,
        "spec.parameters[0]: Invalid value: must be a map",
    ),
    (
        "a `trialSpec` with something that JSON does not have is refused",
        "spec.trialTemplate.trialSpec.spec.backoffLimit",
        object(),
        "spec.trialTemplate.trialSpec: Invalid value: must be JSON",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "text"), [row[1:] for row in MISFITS], ids=[row[0] for row in MISFITS]
)
def test_a_misfit_is_told_once_with_its_path(path: str, value: Any, text: str) -> None:
    errors = list_errors(edited({path: value}))
    assert [str(error)[: len(text)] for error in errors] == [text]


FITS: list[tuple[str, dict[str, Any]]] = [
    (
        "a null means that the field is absent",
        {"spec.earlyStopping": None, "metadata.creationTimestamp": None},
    ),
    ("an integer may be written as `12.0`", {"spec.maxTrialCount": 12.0}),
    ("a goal may be an integer", {"spec.objective.goal": 1}),
    ("a status of any type is not looked at", {"status": "anything"}),
    ("a time in RFC 3339 is accepted", {"metadata.creationTimestamp": "2024-01-31T12:00:00Z"}),
]


@pytest.mark.parametrize("changes", [row[1] for row in FITS], ids=[row[0] for row in FITS])
def test_what_fits(changes: dict[str, Any]) -> None:
    assert list_errors(edited(changes)) == ()


@pytest.mark.rule("misfits and broken rules are told together, misfits first")
def test_misfits_and_broken_rules_are_told_together() -> None:
    changes = {
        f"{FIRST}.feasibleSpace.max": 0.03,
        "spec.parameters.1.feasibleSpace.max": 4,
        "spec.maxFailedTrialCount": -1,
        "spec.algorithm.algorithmName": "rendom",
    }
    assert [error.path for error in list_errors(edited(changes))] == [
        "spec.parameters[0].feasibleSpace.max",
        "spec.parameters[1].feasibleSpace.max",
        "spec.maxFailedTrialCount",
        "spec.algorithm.algorithmName",
    ]


@pytest.mark.rule("a misfit in a list does not move the places of the items behind it")
def test_a_misfit_item_does_not_move_the_places_behind_it() -> None:
    changes = {FIRST: 5, "spec.parameters.1.parameterType": "integer"}
    assert [error.path for error in list_errors(edited(changes))] == [
        "spec.parameters[0]",
        "spec.parameters[1].parameterType",
    ]


@pytest.mark.rule("a name that is a number makes no second error where it is referred to")
def test_a_name_that_is_a_number_makes_no_second_error_at_its_reference() -> None:
    changes = {f"{FIRST}.name": 5, "spec.trialTemplate.trialParameters.0.reference": "5"}
    assert [error.path for error in list_errors(edited(changes))] == ["spec.parameters[0].name"]


@pytest.mark.rule("an unknown field is a warning with its path and the likely name, and no error")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"spec.objectve": {}},
            "spec.objectve is not a field of an Experiment and is ignored, did you mean "
            '"objective"?',
        ),
        ({"spec.parameters.1.nmae": "x"}, "spec.parameters[1].nmae is not a field"),
        ({"sepc": {}}, 'sepc is not a field of an Experiment and is ignored, did you mean "spec"?'),
    ],
    ids=["in the spec", "in a list", "at the top"],
)
def test_an_unknown_field_is_a_warning_and_no_error(changes: dict[str, Any], sentence: str) -> None:
    manifest = edited(changes)
    (warning,) = unknown_fields(manifest)
    assert warning.startswith(sentence)
    assert list_errors(manifest) == ()


@pytest.mark.rule("fields inside `trialSpec` and the status are never unknown")
def test_what_is_not_ours_has_no_unknown_fields() -> None:
    changes = {"spec.trialTemplate.trialSpec.spec.completions": 1, "status": {"x": 1}}
    assert unknown_fields(edited(changes)) == ()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("spec.a", "spec.a", True),
        ("spec.a", "spec.a.b", True),
        ("spec.a[1]", "spec.a", True),
        ("spec.a", "spec.ab", False),
        ("spec.a[1]", "spec.a[10]", False),
        ("spec.a", "spec.b", False),
    ],
)
def test_related_paths(one: str, other: str, expected: bool) -> None:
    assert is_related(one, other) is expected


def test_what_was_found_is_printed_on_one_short_line() -> None:
    assert printed("a\nb") == '"a\\nb"'
    assert printed(-float("inf")) == "-.inf"
    assert len(printed("x" * 500)) == 80
