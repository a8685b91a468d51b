"""A template is a command line where it can be, and its placeholders are its trial parameters."""

from __future__ import annotations

from typing import Any

import pytest

from katib.api.values import Manifest
from katib.web.pages.create.document import write
from katib.web.pages.create.sections.command import TRIAL_SPEC, Command, find_command
from katib.web.pages.create.sections.trial_parameters import (
    WAY,
    Deriving,
    derive,
    find_placeholders,
    list_references,
    text_of,
)
from katib.web.pages.create.starting import CONTAINER, a_document, a_job


def a_template(**container: Any) -> Manifest:
    pod = {"containers": [{"name": "main", **container}]}
    job = {"kind": "Job", "spec": {"template": {"spec": pod}}}
    return {"spec": {"trialTemplate": {"trialSpec": job}}}


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["sh", "-c", "run"]},
        {"command": ["/bin/bash", "-c"], "args": ["run"]},
        {"args": ["/bin/sh", "-c", "run"]},
    ],
)
def test_a_command_line_is_found(container: Manifest) -> None:
    document = a_template(**container)
    assert Command().read(document) == "run"
    changed = Command().write(document, "walk")
    assert Command().read(changed) == "walk"
    assert Command().write(changed, "run") == document


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["python3", "-c", "run"]},
        {"command": ["sh", "run"]},
        {"command": ["sh", "-c", "run", "more"]},
        {"command": ["sh", "-c", 5]},
        {},
    ],
)
def test_what_no_shell_runs_is_no_command_line(container: Manifest) -> None:
    document = a_template(**container)
    assert find_command(document) is None
    assert Command().read(document) is None
    assert Command().write(document, None) == document


def test_a_command_line_takes_the_place_of_any_template() -> None:
    place = {"configMapName": "a", "configMapNamespace": "b", "templatePath": "c"}
    document = {"spec": {"trialTemplate": {"configMap": place, "retain": True}}}
    changed = Command().write(document, "run")
    assert changed == {"spec": {"trialTemplate": {"trialSpec": a_job("run"), "retain": True}}}


def test_an_empty_command_line_keeps_its_container() -> None:
    document = a_document("default")
    emptied = Command().write(document, None)
    assert find_command(emptied) == find_command(document)
    assert emptied["spec"]["trialTemplate"]["primaryContainerName"] == CONTAINER


def test_placeholders_are_found_in_order_and_each_once() -> None:
    text = "${trialParameters.b} ${trialParameters.a}${trialParameters.b} ${other.c}"
    assert find_placeholders(text) == ["b", "a"]


def test_trial_parameters_follow_the_command_and_come_back() -> None:
    document = a_document("default")
    before = document["spec"]["trialTemplate"]["trialParameters"]
    place = Deriving(Command())
    command = place.read(document)
    fewer = place.write(document, "echo ${trialParameters.optimizer} ${trialParameters.num_layers}")
    assert fewer["spec"]["trialTemplate"]["trialParameters"] == [
        before[2],
        {"name": "num_layers", "reference": "num-layers"},
    ]
    again = place.write(fewer, command)["spec"]["trialTemplate"]["trialParameters"]
    assert sorted(again, key=str) == sorted(before, key=str)


def test_a_placeholder_of_no_parameter_refers_to_nothing() -> None:
    document = write({}, TRIAL_SPEC, {"args": ["${trialParameters.x}"]})
    derived = derive(document, text_of(document), {})
    assert derived["spec"]["trialTemplate"]["trialParameters"] == [{"name": "x"}]
    assert derive(derived, "", {})["spec"]["trialTemplate"].get(WAY[-1]) is None


def test_references_are_parameters_and_what_a_trial_knows_of_itself() -> None:
    assert list_references(a_document("default"))[:3] == ["lr", "num-layers", "optimizer"]
    searching: Manifest = {"spec": {"nasConfig": {}}}
    assert list_references(searching)[:3] == ["architecture", "nn_config", "${trialSpec.Name}"]
