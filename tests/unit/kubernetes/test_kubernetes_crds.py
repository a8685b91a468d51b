"""The definitions of our kinds: whole, structural, and only as strict as what they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from katib.api.experiment import EXPERIMENTS
from katib.api.schemas import model_of
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest, ObjectMeta
from katib.kubernetes.crds import definitions

KINDS = {one["spec"]["names"]["kind"]: one for one in definitions()}


def version_of(kind: str) -> Manifest:
    (version,) = KINDS[kind]["spec"]["versions"]
    assert isinstance(version, dict)
    return version


def schema_of(kind: str) -> Manifest:
    schema: Manifest = version_of(kind)["schema"]["openAPIV3Schema"]
    return schema


def nodes_of(schema: Manifest, path: str = "") -> Iterator[tuple[str, Manifest]]:
    """Every schema inside a schema, with the path of what it is about."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes_of(inner, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from nodes_of(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes_of(schema["additionalProperties"], f"{path}{{}}")


def at(kind: str, path: str) -> Manifest:
    return dict(nodes_of(schema_of(kind)))[path]


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_has_the_names_that_users_of_katib_know(kind: str) -> None:
    spec = KINDS[kind]["spec"]
    plural = f"{kind.lower()}s"
    assert KINDS[kind]["metadata"] == {"name": f"{plural}.kubeflow.org"}
    assert spec["group"] == "kubeflow.org"
    assert spec["scope"] == "Namespaced"
    assert spec["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "categories": ["all", "kubeflow", "katib"],
    }
    version = version_of(kind)
    assert (version["name"], version["served"], version["storage"]) == ("v1beta1", True, True)
    assert version["subresources"] == {"status": {}}


def test_columns_are_those_of_katib() -> None:
    columns = {
        kind: [one["name"] for one in version_of(kind)["additionalPrinterColumns"]]
        for kind in KINDS
    }
    assert columns == {
        "Experiment": ["Type", "Status", "Age"],
        "Suggestion": ["Type", "Status", "Requested", "Assigned", "Age"],
        "Trial": ["Type", "Status", "Age"],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_structural(kind: str) -> None:
    # The API server's own demands: a type everywhere, nothing said of metadata but names.
    nodes = dict(nodes_of(schema_of(kind)))
    assert [path for path, node in nodes.items() if "type" not in node] == []
    metadata = [path for path in nodes if path.startswith("metadata.")]
    assert metadata in ([], ["metadata.name"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_tells_what_it_is_for(kind: str) -> None:
    silent = [
        path
        for path, node in nodes_of(schema_of(kind))
        if "description" not in node
        and not path.startswith("metadata")
        # What is in a list or map is told of by the list or map.
        and not path.endswith(("[]", "{}"))
    ]
    assert silent == []


@pytest.mark.parametrize("path", ["spec", "status"])
@pytest.mark.parametrize("kind", ["Suggestion", "Trial"])
def test_what_controllers_write_is_held_to_its_types_only(kind: str, path: str) -> None:
    judged = ("required", "enum", "minLength", "minItems", "x-kubernetes-validations")
    found = [
        (place, word)
        for place, node in nodes_of(schema_of(kind)["properties"][path])
        for word in judged
        if word in node
    ]
    assert found == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Experiment", "spec.trialTemplate.trialSpec"),
        ("Experiment", "spec.metricsCollectorSpec.collector.customCollector"),
        ("Experiment", "spec.metricsCollectorSpec.source.httpGet"),
        ("Trial", "spec.runSpec"),
        ("Trial", "spec.metricsCollector.collector.customCollector"),
    ],
)
def test_what_is_not_ours_is_kept_whole(kind: str, path: str) -> None:
    node = at(kind, path)
    assert node["x-kubernetes-preserve-unknown-fields"] is True
    assert "properties" not in node


def test_only_what_is_not_ours_is_left_open() -> None:
    opened = {
        (kind, path)
        for kind in KINDS
        for path, node in nodes_of(schema_of(kind))
        if "x-kubernetes-preserve-unknown-fields" in node
    }
    names = {path.rpartition(".")[2] for _, path in opened}
    assert names == {"trialSpec", "customCollector", "httpGet", "runSpec"}


def test_times_may_be_null() -> None:
    # As Katib writes them: completionTime is null until there is one.
    times = [
        (kind, path)
        for kind in KINDS
        for path, node in nodes_of(schema_of(kind))
        if node.get("format") == "date-time"
    ]
    assert ("Experiment", "status.completionTime") in times
    assert [one for one in times if at(*one).get("nullable") is not True] == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("spec", {"required": ["objective", "algorithm", "trialTemplate"]}),
        ("spec.maxTrialCount", {"minimum": 1, "maximum": 2**31 - 1}),
        ("spec.maxFailedTrialCount", {"minimum": 0}),
        ("spec.objective.type", {"enum": ["minimize", "maximize"]}),
        ("spec.objective.objectiveMetricName", {"minLength": 1}),
        ("spec.algorithm.algorithmName", {"minLength": 1}),
        ("spec.resumePolicy", {"enum": ["Never", "LongRunning", "FromVolume", ""]}),
        ("spec.trialTemplate.trialParameters", {"minItems": 1}),
        ("spec.nasConfig.graphConfig.numLayers", {"minimum": -(2**31 - 1)}),
        ("metadata.name", {"maxLength": 40}),
    ],
)
def test_of_a_spec_that_people_write_the_server_refuses_what_is_never_right(
    path: str, said: dict[str, Any]
) -> None:
    node = at("Experiment", path)
    assert {name: node.get(name) for name in said} == said


def test_rules_look_into_no_list() -> None:
    # A server refuses a definition whose rules could cost too much on the longest of lists.
    rules = [
        rule["rule"]
        for _, node in nodes_of(schema_of("Experiment"))
        for rule in node.get("x-kubernetes-validations", [])
    ]
    assert len(rules) >= 7
    assert [one for one in rules if ".all(" in one or ".exists" in one or "self.map" in one] == []


def missing(model: inspect.Type, schema: Manifest, path: str) -> Iterator[str]:
    """The fields of a model, however deep, that its schema does not have."""
    if isinstance(model, inspect.UnionType):
        parts = (inspect.StructType, inspect.VarTupleType)
        for member in (one for one in model.types if isinstance(one, parts)):
            yield from missing(member, schema, path)
    elif isinstance(model, inspect.VarTupleType):
        yield from missing(model.item_type, schema["items"], f"{path}[]")
    elif isinstance(model, inspect.StructType) and model.cls is not ObjectMeta:
        for field in model.fields:
            place = f"{path}.{field.encode_name}"
            if field.encode_name in schema["properties"]:
                yield from missing(field.type, schema["properties"][field.encode_name], place)
            else:
                yield place


@pytest.mark.parametrize("kind", [EXPERIMENTS, SUGGESTIONS, TRIALS], ids=lambda kind: kind.name)
def test_no_field_of_the_models_is_dropped(kind: Kind[Any]) -> None:
    assert list(missing(model_of(kind.type), schema_of(kind.name), "")) == []


def test_descriptions_name_fields_as_documents_do() -> None:
    attributes = re.compile(r"`\w+_\w+`")
    for kind in KINDS:
        for path, node in nodes_of(schema_of(kind)):
            assert not attributes.search(node.get("description", "")), f"{kind}.{path}"
