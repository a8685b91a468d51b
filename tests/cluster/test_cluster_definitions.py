"""The definitions of our kinds in a real API server: what it refuses, takes, and keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from katib.api.codec import load_yaml
from katib.api.experiment import EXPERIMENTS
from katib.api.schemas import model_of
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest
from katib.errors import KatibError
from katib.kubernetes.client import KubernetesClient

ROOT = Path(__file__).resolve().parent.parent.parent
DRY_RUN = {"dryRun": "All"}
PUBLISHED = ROOT / "tests" / "journeys" / "published"
KINDS = {kind.name: kind for kind in (EXPERIMENTS, SUGGESTIONS, TRIALS)}


def path_of(kind: Kind[Any], namespace: str, *more: str) -> str:
    return "/".join((f"/apis/{kind.api_version}/namespaces", namespace, kind.plural, *more))


def send(
    client: KubernetesClient,
    method: str,
    path: str,
    manifest: Manifest,
    query: Mapping[str, str] | None = None,
) -> Manifest:
    body = msgspec.json.encode(manifest)
    answer: Manifest = msgspec.json.decode(client.request(method, path, query=query, body=body))
    return answer


@pytest.fixture
def emptied(client: KubernetesClient, namespace: str) -> Iterator[str]:
    """A namespace whose resources are gone before the next test looks."""
    yield namespace
    for kind in KINDS.values():
        client.request("DELETE", path_of(kind, namespace))


def put_in(namespace: str, manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def documents() -> dict[str, Manifest]:
    """Every Experiment of the examples, by file and name."""
    return {
        f"{path.relative_to(ROOT)}: {one['metadata'].get('name')}": one
        for path in sorted((ROOT / "examples").rglob("*.yaml"))
        for one in load_yaml(path.read_text(), str(path))
        if (one.get("apiVersion"), one.get("kind")) == EXPERIMENTS.address
    }


DOCUMENTS = documents()


def test_there_are_documents() -> None:
    assert len(DOCUMENTS) > 35


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_every_example_is_taken_whole(
    client: KubernetesClient, namespace: str, document: Manifest
) -> None:
    sent = put_in(namespace, document)
    taken = send(client, "POST", path_of(EXPERIMENTS, namespace), sent, DRY_RUN)
    assert taken["spec"] == document["spec"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_katib_stored_is_taken_with_its_status(
    client: KubernetesClient, emptied: str, kind: Kind[Any]
) -> None:
    (text,) = (path for path in PUBLISHED.glob("*.yaml") if path.stem == kind.name.lower())
    (old,) = load_yaml(text.read_text(), str(text))
    new = {**old, "metadata": {"name": old["metadata"]["name"], "namespace": emptied}}
    made = send(client, "POST", path_of(kind, emptied), new)
    assert made["spec"] == old["spec"]
    place = path_of(kind, emptied, made["metadata"]["name"], "status")
    made = send(client, "PUT", place, {**made, "status": old["status"]})
    assert made["status"] == old["status"]


def sample(model: inspect.Type) -> Any:
    """A value of a type with all there is in it."""
    if isinstance(model, inspect.StructType):
        fields = (one for one in model.fields if one.name != "metadata")
        return {one.encode_name: sample(one.type) for one in fields}
    if isinstance(model, inspect.VarTupleType):
        return [sample(model.item_type)]
    if isinstance(model, inspect.UnionType):
        nothing = (inspect.NoneType,)
        return next(sample(one) for one in model.types if not isinstance(one, nothing))
    return deepcopy(SAMPLES[model.__class__])


SAMPLES: Mapping[type[inspect.Type], Any] = {
    inspect.StrType: "a text",
    inspect.IntType: 7,
    inspect.FloatType: 0.5,
    inspect.BoolType: True,
    inspect.DateTimeType: datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC).isoformat(),
    # No text is empty: Kubernetes 1.20 as Debian's compiler builds it takes such for null.
    inspect.CustomType: {"a": "b", "example.com/c": "d"},
    inspect.RawType: {"kind": "Any", "metadata": {"creationTimestamp": None}, "spec": {"a": [1]}},
}


@pytest.mark.parametrize("kind", [SUGGESTIONS, TRIALS], ids=lambda kind: kind.name)
def test_nothing_that_controllers_write_is_dropped_or_changed(
    client: KubernetesClient, emptied: str, kind: Kind[Any]
) -> None:
    full = sample(model_of(kind.type))
    head = {"apiVersion": kind.api_version, "kind": kind.name}
    sent = {**head, "metadata": {"name": "full", "namespace": emptied}, "spec": full["spec"]}
    made = send(client, "POST", path_of(kind, emptied), sent)
    assert made["spec"] == full["spec"]
    place = path_of(kind, emptied, "full", "status")
    made = send(client, "PUT", place, {**made, "status": full["status"]})
    assert made["status"] == full["status"]


def test_nothing_of_an_experiments_status_is_dropped_or_changed(
    client: KubernetesClient, emptied: str
) -> None:
    status = sample(model_of(EXPERIMENTS.type))["status"]
    sent = put_in(emptied, an_experiment())
    made = send(client, "POST", path_of(EXPERIMENTS, emptied), sent)
    place = path_of(EXPERIMENTS, emptied, made["metadata"]["name"], "status")
    made = send(client, "PUT", place, {**made, "status": status})
    assert made["status"] == status
    # As Katib writes it before there is a time.
    sent = {**made, "status": {"completionTime": None, "currentOptimalTrial": {"observation": {}}}}
    made = send(client, "PUT", place, sent)
    assert made["status"] == sent["status"]


def an_experiment() -> Manifest:
    return deepcopy(next(one for name, one in DOCUMENTS.items() if "hp-tuning/random" in name))


_GONE = object()

#: What is written where, and what the server says of it.
REFUSED: Mapping[str, tuple[tuple[str | int, ...], Any, str]] = {
    "a number for a text": (("spec", "parameters", 0, "name"), 3, "spec.parameters"),
    "a text for a number": (("spec", "maxTrialCount"), "12", "spec.maxTrialCount"),
    "a fraction of a trial": (("spec", "maxTrialCount"), 1.5, "spec.maxTrialCount"),
    "no trials": (("spec", "maxTrialCount"), 0, "spec.maxTrialCount"),
    "more trials than can be counted": (("spec", "maxTrialCount"), 2**31, "spec.maxTrialCount"),
    "no trials at a time": (("spec", "parallelTrialCount"), -1, "spec.parallelTrialCount"),
    "fewer failures than none": (("spec", "maxFailedTrialCount"), -1, "maxFailedTrialCount"),
    "a map for a list": (("spec", "parameters"), {}, "spec.parameters"),
    "a list for a map": (("spec", "objective"), [], "spec.objective"),
    "a list for a template": (("spec", "trialTemplate", "trialSpec"), [], "trialSpec"),
    "no objective": (("spec", "objective"), _GONE, "spec.objective"),
    "no algorithm": (("spec", "algorithm"), _GONE, "spec.algorithm"),
    "no template": (("spec", "trialTemplate"), _GONE, "spec.trialTemplate"),
    "no spec": (("spec",), _GONE, "spec"),
    "an objective of another type": (("spec", "objective", "type"), "Maximize", "objective.type"),
    "an objective without a metric": (
        ("spec", "objective", "objectiveMetricName"),
        "",
        "objectiveMetricName",
    ),
    "a goal in words": (("spec", "objective", "goal"), "0.99", "spec.objective.goal"),
    "an unknown policy": (("spec", "resumePolicy"), "Always", "spec.resumePolicy"),
    "an unknown type of parameter": (
        ("spec", "parameters", 0, "parameterType"),
        "float",
        "parameterType",
    ),
    "a bound that is a number": (
        ("spec", "parameters", 0, "feasibleSpace", "min"),
        0.01,
        "feasibleSpace.min",
    ),
    "an unknown collector": (
        ("spec", "metricsCollectorSpec"),
        {"collector": {"kind": "None"}},
        "collector.kind",
    ),
    "a template without trial parameters": (
        ("spec", "trialTemplate", "trialParameters"),
        [],
        "trialParameters",
    ),
    "no primary container": (
        ("spec", "trialTemplate", "primaryContainerName"),
        "",
        "primaryContainerName",
    ),
    "labels that are no texts": (
        ("spec", "trialTemplate", "primaryPodLabels"),
        {"a": 1},
        "primaryPodLabels",
    ),
    "a long name": (("metadata", "name"), "a" * 41, "metadata.name"),
}


@pytest.mark.parametrize(("place", "value", "said"), REFUSED.values(), ids=REFUSED)
def test_the_server_refuses(
    client: KubernetesClient, namespace: str, place: tuple[str | int, ...], value: Any, said: str
) -> None:
    sent: Any = put_in(namespace, an_experiment())
    holder = sent
    for name in place[:-1]:
        holder = holder[name]
    if value is _GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    with pytest.raises(KatibError, match=said):
        send(client, "POST", path_of(EXPERIMENTS, namespace), sent, DRY_RUN)


def test_fields_that_there_are_not_are_dropped(client: KubernetesClient, namespace: str) -> None:
    sent = put_in(namespace, an_experiment())
    sent["spec"]["nothing"] = sent["spec"]["objective"]["nothing"] = {"a": 1}
    taken = send(client, "POST", path_of(EXPERIMENTS, namespace), sent, DRY_RUN)
    assert taken["spec"] == an_experiment()["spec"]
