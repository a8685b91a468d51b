"""The form shows any document, changes what is touched, and nothing else."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from drafted_forms import FakeBackend, a_form, experiments, settle
from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from katib.api.values import Manifest
from katib.client.backend import Cause
from katib.web.pages.create.form import Form
from katib.web.pages.create.starting import NAS_CONFIG, NAS_TEMPLATE, a_document

#: What may stand where something else should.
ODD: tuple[Any, ...] = ("text", None, [1], {"a": 1}, [{"name": []}])


def field(label: str, number: int = 0) -> Any:
    """The widget with a label, of those that are seen."""
    found = [
        one
        for one in ui.context.client.elements.values()
        if isinstance(one, ValueElement)
        and one.props.get("label") == label
        and all(above.visible for above in (one, *one.ancestors()))
    ]
    return found[number]


def labels() -> list[str]:
    return [str(one.props.get("label")) for one in ui.context.client.elements.values()]


def problems_at(form: Form, *paths: str) -> dict[str, list[str]]:
    """What fields and lines say when something is wrong at each of some paths."""
    form.show([Cause(path, f"wrong {path}") for path in paths])
    told: dict[str, list[str]] = {}
    for one in ui.context.client.elements.values():
        error = getattr(one, "error", None)
        if error:
            told.setdefault(str(one.props.get("label")), []).append(error)
        if isinstance(one, ui.label) and one.text.startswith(("wrong", "feasibleSpace: wrong")):
            told.setdefault("line", []).append(one.text)
    return told


@pytest.mark.parametrize("document", [pytest.param(one, id=path) for path, one in experiments()])
def test_looking_changes_nothing_and_a_touch_one_field(document: Manifest) -> None:
    before, touched = copy.deepcopy(document), copy.deepcopy(document)
    touched["spec"]["maxTrialCount"] = 77

    async def look() -> None:
        async with a_form(document) as form:
            form.draw()
            assert form.draft.document == before
            assert not form.draft.is_touched
            field("Max trials").set_value("77")
            assert form.draft.document == touched

    asyncio.run(look())


def places(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document that the form could know of."""
    yield way
    pairs: Any = ()
    if isinstance(document, dict):
        pairs = document.items()
    elif isinstance(document, list):
        pairs = list(enumerate(document))[:1]
    for step, below in pairs:
        yield from places(below, (*way, step))


def replaced(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    return changed


def test_a_form_can_show_what_is_wrong() -> None:
    whole = a_document("default")
    whole["spec"] |= {
        "nasConfig": NAS_CONFIG,
        "earlyStopping": {"algorithmName": "medianstop", "algorithmSettings": [{"name": "x"}]},
        "metricsCollectorSpec": {
            "collector": {"kind": "File"},
            "source": {
                "fileSystemPath": {"path": "/x", "kind": "File"},
                "filter": {"metricsFormat": ["a"]},
                "httpGet": {"port": 1, "httpHeaders": [{"name": "a", "value": "b"}]},
            },
        },
    }

    async def look() -> None:
        async with a_form(whole) as form:
            for way in list(places(whole))[1:]:
                for value in ODD:
                    wrong = replaced(whole, way, value)
                    form.draft.replace(wrong)
                    form.show([])
                    assert form.draft.document == wrong, (way, value)

    asyncio.run(look())


def test_the_form_follows_the_text() -> None:
    async def follow() -> None:
        async with a_form(a_document("default")) as form:
            text = form.draft.text.replace("name: lr", "name: rate").replace("goal: 0.99", "")
            form.draft.take(text)
            assert field("Name", 1).value == "rate"
            assert field("Goal").value == ""
            form.draft.take(text.replace("- name: optimizer", "- odd: optimizer"))
            assert field("Name", 3).value == ""
            form.draft.take("kind: [")
            assert field("Name", 1).value == "rate"

    asyncio.run(follow())


def test_rows_come_and_go() -> None:
    async def work() -> None:
        async with a_form(a_document("default")) as form:
            rows = labels().count("Distribution")
            document = copy.deepcopy(form.draft.document)
            document["spec"]["parameters"] *= 2
            form.draft.replace(document)
            assert labels().count("Distribution") == 2 * rows
            document = copy.deepcopy(document)
            del document["spec"]["parameters"][1:]
            form.draft.replace(document)
            assert labels().count("Distribution") == 1
            field("Min").set_value("0.5")
            assert form.draft.document["spec"]["parameters"][0]["feasibleSpace"]["min"] == "0.5"

    asyncio.run(work())


def test_settings_are_those_of_the_algorithm() -> None:
    async def choose() -> None:
        async with a_form(a_document("default")) as form:
            assert "random_state" in labels()
            field("Algorithm").set_value("cmaes")
            await settle()
            assert {"sigma", "restart_strategy"} <= set(labels())
            field("sigma").set_value("0.1")
            assert form.draft.document["spec"]["algorithm"] == {
                "algorithmName": "cmaes",
                "algorithmSettings": [{"name": "sigma", "value": "0.1"}],
            }
            assert "foreign" in field("Algorithm").options

    asyncio.run(choose())


def test_problems_stand_at_their_fields() -> None:
    async def show() -> None:
        async with a_form(a_document("default")) as form:
            field("random_state").set_value("-1")
            told = problems_at(
                form,
                "metadata.name",
                "spec.algorithm.algorithmSettings[0].value",
                "spec.parameters[1].feasibleSpace.max",
                "spec.parameters[2].feasibleSpace",
                "spec.trialTemplate.trialParameters[1].reference",
                "spec.objective",
                "nowhere",
            )
            assert told == {
                "Name": ["wrong metadata.name"],
                "random_state": ["wrong spec.algorithm.algorithmSettings[0].value"],
                "Max": ["wrong spec.parameters[1].feasibleSpace.max"],
                "numberLayers refers to": ["wrong spec.trialTemplate.trialParameters[1].reference"],
                "line": [
                    "wrong spec.objective",
                    "feasibleSpace: wrong spec.parameters[2].feasibleSpace",
                ],
            }
            assert form.rest([Cause("nowhere", "wrong")]) == ["nowhere: wrong"]
            assert problems_at(form) == {}

    asyncio.run(show())


def test_a_problem_of_a_field_that_is_not_seen_is_told_above_it() -> None:
    async def show() -> None:
        async with a_form(a_document("default")) as form:
            path = "spec.metricsCollectorSpec.source.httpGet.port"
            assert problems_at(form, path) == {} or "Port" not in problems_at(form, path)
            assert form.rest([Cause(path, "wrong")]) == []

    asyncio.run(show())


def test_a_section_counts_its_problems() -> None:
    async def count() -> None:
        async with a_form(a_document("default")) as form:
            form.show([Cause("spec.objective.goal", "a"), Cause("spec.objective.type", "b")])
            headings = [
                one.text
                for one in ui.context.client.elements.values()
                if isinstance(one, ui.expansion)
            ]
            assert "Objective: 2 problems" in headings
            assert "Parameters" in headings
            form.show([])
            assert "Objective: 2 problems" not in [
                one.text
                for one in ui.context.client.elements.values()
                if isinstance(one, ui.expansion)
            ]

    asyncio.run(count())


def test_an_architecture_search_has_a_template_of_its_own_and_the_way_back() -> None:
    first = a_document("default")

    async def turn() -> None:
        async with a_form(first) as form:
            radio = next(
                one
                for one in ui.context.client.elements.values()
                if isinstance(one, ui.radio) and "Neural architecture search" in one.options
            )
            radio.set_value("Neural architecture search")
            spec = form.draft.document["spec"]
            assert spec["algorithm"] == {"algorithmName": "enas"}
            assert spec["nasConfig"] == NAS_CONFIG
            assert spec["trialTemplate"] == NAS_TEMPLATE
            assert "parameters" not in spec
            radio.set_value("Hyperparameter tuning")
            assert form.draft.document == first

    asyncio.run(turn())


def test_templates_of_config_maps_are_offered() -> None:
    text = "image: a\nargs: [--lr=${trialParameters.rate}]\n"
    kept = {"metadata": {"name": "mine"}, "data": {"a.yaml": text}}
    backend = FakeBackend({"/api/v1/namespaces/other/configmaps": {"items": [kept]}})

    async def choose() -> None:
        async with a_form(a_document("default"), backend) as form:
            radio = next(
                one
                for one in ui.context.client.elements.values()
                if isinstance(one, ui.radio) and "ConfigMap" in one.options
            )
            before = copy.deepcopy(form.draft.document)
            radio.set_value("ConfigMap")
            template = form.draft.document["spec"]["trialTemplate"]
            assert template["configMap"] == {
                "configMapNamespace": "other",
                "configMapName": "mine",
                "templatePath": "a.yaml",
            }
            assert "trialSpec" not in template
            assert "rate refers to" in labels()
            radio.set_value("Command line")
            assert form.draft.document == before
            asked = [path for _, path, _ in backend.asked]
            assert any(
                "labelSelector=katib.kubeflow.org%2Fcomponent%3Dtrial" in one for one in asked
            )

    asyncio.run(choose())
