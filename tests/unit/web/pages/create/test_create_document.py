"""Fields of documents are read and written by their paths, whatever stands there."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from katib.web.pages.create.document import (
    format_path,
    parse_path,
    read,
    read_list,
    read_map,
    write,
)

DOCUMENT: dict[str, Any] = {"spec": {"parameters": [{"name": "a"}, {"name": "b"}], "max": 3}}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("metadata.name", ("metadata", "name")),
        ("spec.parameters[1].feasibleSpace.max", ("spec", "parameters", 1, "feasibleSpace", "max")),
        ("a[0][12]", ("a", 0, 12)),
    ],
)
def test_a_path_has_a_text(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_path(text) == path
    assert format_path(path) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("spec", "max"), 3),
        (("spec", "parameters", 1, "name"), "b"),
        (("spec", "parameters", 2), None),
        (("spec", "parameters", "name"), None),
        (("spec", "max", "deeper"), None),
        (("spec", 0), None),
        ((), DOCUMENT),
    ],
)
def test_what_cannot_be_reached_is_none(path: tuple[str | int, ...], found: object) -> None:
    assert read(DOCUMENT, path) == found


def test_what_is_no_list_or_map_reads_as_an_empty_one() -> None:
    assert read_list(DOCUMENT, ("spec", "max")) == ()
    assert read_map(DOCUMENT, ("spec", "parameters")) == {}


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (("spec", "max"), 4, {"spec": {"parameters": DOCUMENT["spec"]["parameters"], "max": 4}}),
        (("spec", "max"), None, {"spec": {"parameters": DOCUMENT["spec"]["parameters"]}}),
        (("new", "list", 0, "name"), "x", {**DOCUMENT, "new": {"list": [{"name": "x"}]}}),
        (
            ("spec", "parameters", 2, "name"),
            "c",
            {"spec": {"parameters": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "max": 3}},
        ),
        (("spec", "parameters", 0), None, {"spec": {"parameters": [{"name": "b"}], "max": 3}}),
        (
            ("spec", "parameters", 0, "name"),
            None,
            {"spec": {"parameters": [{}, {"name": "b"}], "max": 3}},
        ),
        (("absent", "deeper"), None, DOCUMENT),
        (
            ("spec", "max", "value"),
            1,
            {"spec": {"parameters": DOCUMENT["spec"]["parameters"], "max": {"value": 1}}},
        ),
    ],
)
def test_a_field_is_written_and_the_rest_is_kept(
    path: tuple[str | int, ...], value: object, wanted: object
) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert write(DOCUMENT, path, value) == wanted
    assert before == DOCUMENT


def test_what_is_written_is_not_shared() -> None:
    value = {"deep": [1]}
    changed = write({}, ("a",), value)
    value["deep"].append(2)
    assert changed == {"a": {"deep": [1]}}
