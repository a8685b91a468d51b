"""Documents that a published client writes wrongly, though it is plain what is meant."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import a_context, edited, list_errors

from katib.admission import admit

SPACE = "spec.parameters.1.feasibleSpace"
TYPE = "spec.parameters.1.parameterType"

ACCEPTED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "choices that stand for a distribution are the list of a categorical parameter": (
        "categorical",
        {"distribution": ["round", "square"]},
        ["round", "square"],
    ),
    "choices that stand for a distribution are the list of a discrete parameter": (
        "discrete",
        {"distribution": ["1", "2.5"]},
        ["1", "2.5"],
    ),
    "a list that is empty gives way to choices that stand for a distribution": (
        "categorical",
        {"distribution": ["round"], "list": []},
        ["round"],
    ),
}


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_choices_that_stand_for_a_distribution_are_taken_as_the_list(sentence: str) -> None:
    type, space, choices = ACCEPTED[sentence]
    manifest = edited({TYPE: type, SPACE: space})
    found = admit(manifest, a_context()).spec.parameters[1].feasible_space
    assert list(found.list) == choices
    assert found.distribution == "uniform"
    # What the caller gave stays as it was.
    assert manifest["spec"]["parameters"][1]["feasibleSpace"] == space


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a list is no distribution of a double": (
        "double",
        {"min": "1", "max": "2", "distribution": ["uniform"]},
        "spec.parameters[1].feasibleSpace.distribution",
    ),
    "a list is no distribution where there are choices already": (
        "categorical",
        {"list": ["a"], "distribution": ["b"]},
        "spec.parameters[1].feasibleSpace.distribution",
    ),
    "choices that stand for a distribution are texts, as in a list": (
        "categorical",
        {"distribution": ["16", 32]},
        "spec.parameters[1].feasibleSpace.list[1]",
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_other_lists_are_no_distribution(sentence: str) -> None:
    type, space, path = REFUSED[sentence]
    errors = list_errors(edited({TYPE: type, SPACE: space}))
    assert path in [error.path for error in errors]


NOT_READ: dict[str, dict[str, Any]] = {
    "a spec that is no map": {"spec": ["categorical"]},
    "parameters that are no list": {"spec.parameters": "categorical"},
    "a parameter that is no map": {"spec.parameters": ["categorical"]},
    "a feasible space that is no map": {TYPE: "categorical", SPACE: ["a"]},
}


@pytest.mark.parametrize("case", NOT_READ)
def test_what_cannot_be_read_is_refused(case: str) -> None:
    assert list_errors(edited(NOT_READ[case]))
