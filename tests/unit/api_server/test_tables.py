from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from katib.api import conditions, names
from katib.api.codec import to_manifest
from katib.api.suggestion import Suggestion, SuggestionStatus, TrialAssignment
from katib.api.values import Condition, Manifest, NameValue
from katib.api_server.cells import duration
from katib.api_server.resources import RESOURCE_TYPES, ResourceType
from katib.api_server.tables import as_table
from katib.testing.builders import (
    CREATED_AT,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.resources import a_suggestion

NOW = CREATED_AT + timedelta(minutes=20)
TYPES = {known.plural: known for known in RESOURCE_TYPES}


def table(
    plural: str, *resources: Manifest, now: datetime = NOW, include: str = "Metadata"
) -> dict[str, Any]:
    built = as_table(TYPES[plural], resources, now, include)
    # What is no JSON would be found here.
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(built))
    return decoded


def cells(plural: str, resource: Manifest, priority: int) -> dict[str, Any]:
    """One row, by the heads of those columns that have this priority."""
    found = table(plural, resource)
    (row,) = found["rows"]
    pairs = zip(found["columnDefinitions"], row["cells"], strict=True)
    return {column["name"]: cell for column, cell in pairs if column["priority"] == priority}


def printed(plural: str, resource: Manifest) -> dict[str, Any]:
    """What is shown of one row, the name left out."""
    shown = cells(plural, resource, 0)
    return {head: cell for head, cell in shown.items() if head != "Name"}


def some(**fields: Any) -> Manifest:
    """A resource of a kind that is not ours, 20 minutes old."""
    metadata = {"name": "one", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": {**metadata, **fields.pop("metadata", {})}, **fields}


def a_trial() -> Manifest:
    assignment = TrialAssignment(
        name="one", parameter_assignments=(NameValue(name="lr", value="0.1"),)
    )
    running = a_running_trial(an_experiment().build(), "one", assignment)
    return to_manifest(a_succeeded_trial(running, "0.5"))


def suggested(requests: int, count: int) -> Manifest:
    suggestion: Suggestion = a_suggestion(requests=requests, creation_timestamp=CREATED_AT)
    ready = Condition(type=names.DEPLOYMENT_READY, status="False", reason="DeploymentNotReady")
    status = SuggestionStatus(
        suggestion_count=count, conditions=conditions.put((), ready, CREATED_AT)
    )
    return to_manifest(msgspec.structs.replace(suggestion, status=status))


def test_a_table_is_one_of_kubernetes() -> None:
    found = table("trials", a_trial())
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    name, type, status, age = found["columnDefinitions"]
    assert (name["name"], name["type"], name["format"]) == ("Name", "string", "name")
    assert (type["name"], status["name"]) == ("Type", "Status")
    assert (age["name"], age["type"]) == ("Age", "date")
    assert all(column["description"] for column in found["columnDefinitions"])


def test_a_list_without_resources_has_heads_and_no_rows() -> None:
    found = table("experiments")
    heads = [column["name"] for column in found["columnDefinitions"]]
    assert heads == ["Name", "Type", "Status", "Age"]
    assert found["rows"] == []


def test_rows_are_in_the_order_of_the_resources() -> None:
    rows = table("configmaps", *(some(metadata={"name": name}) for name in "cab"))["rows"]
    assert [row["cells"][0] for row in rows] == ["c", "a", "b"]


INCLUDED: Mapping[str, Manifest | None] = {
    "None": None,
    "Metadata": {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": some()["metadata"],
    },
    "Object": some(data={"key": "text"}),
}


@pytest.mark.parametrize("include", INCLUDED)
def test_a_row_brings_what_is_asked_for(include: str) -> None:
    (row,) = table("configmaps", some(data={"key": "text"}), include=include)["rows"]
    assert row["object"] == INCLUDED[include]


def test_nothing_else_can_be_included() -> None:
    with pytest.raises(ValueError, match='"Everything", supported values: None, Metadata, Object'):
        as_table(TYPES["pods"], [], NOW, "Everything")


ROWS: Mapping[str, tuple[str, Manifest, Manifest]] = {
    "a trial shows its newest condition": (
        "trials",
        a_trial(),
        {"Type": "Succeeded", "Status": "True", "Age": "20m"},
    ),
    "a condition that does not hold is shown as such": (
        "suggestions",
        suggested(3, 2),
        {
            "Type": "DeploymentReady",
            "Status": "False",
            "Requested": "3",
            "Assigned": "2",
            "Age": "20m",
        },
    ),
    "counts of 0 are blank, as they are absent in the object": (
        "suggestions",
        suggested(0, 0),
        {
            "Type": "DeploymentReady",
            "Status": "False",
            "Requested": None,
            "Assigned": None,
            "Age": "20m",
        },
    ),
    "without a condition, type and status are blank": (
        "experiments",
        to_manifest(an_experiment().build()),
        {"Type": None, "Status": None, "Age": "20m"},
    ),
    "without a time of creation the age is unknown": (
        "experiments",
        {"metadata": {"name": "one"}},
        {"Type": None, "Status": None, "Age": "<unknown>"},
    ),
    "a running job has taken until now": (
        "jobs",
        some(status={"active": 1, "startTime": "2026-01-01T00:15:00Z"}),
        {"Status": "Running", "Completions": "0/1", "Duration": "5m", "Age": "20m"},
    ),
    "a complete job took until its completion": (
        "jobs",
        some(
            spec={"completions": 3},
            status={
                "succeeded": 3,
                "startTime": "2026-01-01T00:00:00Z",
                "completionTime": "2026-01-01T00:00:42Z",
                "conditions": [
                    {"type": "SuccessCriteriaMet", "status": "True"},
                    {"type": "Complete", "status": "True"},
                ],
            },
        ),
        {"Status": "Complete", "Completions": "3/3", "Duration": "42s", "Age": "20m"},
    ),
    "a parallel job without a number needs one of many": (
        "jobs",
        some(spec={"parallelism": 4}),
        {"Status": "Running", "Completions": "0/1 of 4", "Duration": "", "Age": "20m"},
    ),
    "a job that failed says so": (
        "jobs",
        some(status={"conditions": [{"type": "Failed", "status": "True"}]}),
        {"Status": "Failed", "Completions": "0/1", "Duration": "", "Age": "20m"},
    ),
    "a job that is about to fail says so": (
        "jobs",
        some(status={"conditions": [{"type": "FailureTarget", "status": "True"}]}),
        {"Status": "FailureTarget", "Completions": "0/1", "Duration": "", "Age": "20m"},
    ),
    "a suspended job is shown as such": (
        "jobs",
        some(status={"conditions": [{"type": "Suspended", "status": "True"}]}),
        {"Status": "Suspended", "Completions": "0/1", "Duration": "", "Age": "20m"},
    ),
    "a job that was suspended runs again": (
        "jobs",
        some(status={"conditions": [{"type": "Suspended", "status": "False"}]}),
        {"Status": "Running", "Completions": "0/1", "Duration": "", "Age": "20m"},
    ),
    "a job that is to go is terminating": (
        "jobs",
        some(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        {"Status": "Terminating", "Completions": "0/1", "Duration": "", "Age": "20m"},
    ),
    "a config map counts texts and bytes": (
        "configmaps",
        some(data={"one": "", "two": ""}, binaryData={"three": ""}),
        {"Data": 3, "Age": "20m"},
    ),
    "a secret without a type is opaque": (
        "secrets",
        some(data={"token": "eA=="}),
        {"Type": "Opaque", "Data": 1, "Age": "20m"},
    ),
    "a secret shows no data": (
        "secrets",
        some(type="kubernetes.io/tls", data={"tls.key": "eA==", "tls.crt": "eA=="}),
        {"Type": "kubernetes.io/tls", "Data": 2, "Age": "20m"},
    ),
    "an event tells when it happened last, and to what": (
        "events",
        some(
            involvedObject={"kind": "Trial", "name": "one-abc"},
            type="Warning",
            reason="JobFailed",
            message="it failed\n",
            firstTimestamp="2026-01-01T00:00:00Z",
            lastTimestamp="2026-01-01T00:19:30Z",
        ),
        {
            "Last Seen": "30s",
            "Type": "Warning",
            "Reason": "JobFailed",
            "Object": "trial/one-abc",
            "Message": "it failed",
        },
    ),
    "an event that happened once has one time": (
        "events",
        some(firstTimestamp="2026-01-01T00:19:00Z", lastTimestamp=None),
        {"Last Seen": "60s", "Type": "", "Reason": "", "Object": "", "Message": ""},
    ),
    "a namespace shows its phase": (
        "namespaces",
        some(status={"phase": "Active"}),
        {"Status": "Active", "Age": "20m"},
    ),
    "a namespace that is to go is terminating": (
        "namespaces",
        some(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}, status={"phase": "Active"}),
        {"Status": "Terminating", "Age": "20m"},
    ),
    "a service shows where it is reached": (
        "services",
        some(
            spec={
                "clusterIP": "10.0.0.1",
                "ports": [{"port": 80}, {"port": 53, "protocol": "UDP", "nodePort": 30053}],
            }
        ),
        {
            "Type": "ClusterIP",
            "Cluster-IP": "10.0.0.1",
            "External-IP": "<none>",
            "Port(s)": "80/TCP,53:30053/UDP",
            "Age": "20m",
        },
    ),
    "a load balancer without an address is pending": (
        "services",
        some(spec={"type": "LoadBalancer"}),
        {
            "Type": "LoadBalancer",
            "Cluster-IP": "<none>",
            "External-IP": "<pending>",
            "Port(s)": "<none>",
            "Age": "20m",
        },
    ),
    "a deployment compares what is with what is wanted": (
        "deployments",
        some(
            spec={"replicas": 3},
            status={"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
        ),
        {"Ready": "1/3", "Up-to-date": 2, "Available": 1, "Age": "20m"},
    ),
    "a claim shows its volume": (
        "persistentvolumeclaims",
        some(
            spec={"volumeName": "pv-1", "storageClassName": "standard"},
            status={
                "phase": "Bound",
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
            },
        ),
        {
            "Status": "Bound",
            "Volume": "pv-1",
            "Capacity": "1Gi",
            "Access Modes": "RWO,ROX",
            "StorageClass": "standard",
            "VolumeAttributesClass": "<unset>",
            "Age": "20m",
        },
    ),
    "an account counts its secrets": (
        "serviceaccounts",
        some(secrets=[{"name": "one"}]),
        {"Secrets": 1, "Age": "20m"},
    ),
    "a training job shows its newest condition": (
        "trainjobs",
        some(status={"conditions": [{"type": "Created"}, {"type": "Complete"}]}),
        {"State": "Complete", "Age": "20m"},
    ),
    "another kind shows its age": ("trainingruntimes", some(), {"Age": "20m"}),
}


@pytest.mark.parametrize("sentence", ROWS)
def test_the_cells_of_a_row(sentence: str) -> None:
    plural, resource, wanted = ROWS[sentence]
    assert printed(plural, resource) == wanted


def a_pod(containers: int, *states: Manifest, **status: Any) -> Manifest:
    told = [{"ready": "running" in state, "state": state} for state in states]
    return some(
        spec={"containers": [{}] * containers}, status={"containerStatuses": told, **status}
    )


RUNNING: Manifest = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
COMPLETED: Manifest = {"terminated": {"exitCode": 0, "reason": "Completed"}}

PODS: Mapping[str, tuple[Manifest, str, str]] = {
    "a pod that waits shows its phase": (a_pod(1, phase="Pending"), "0/1", "Pending"),
    "a pod without a status is pending": (some(spec={"containers": [{}]}), "0/1", "Pending"),
    "a pod that runs is ready": (a_pod(1, RUNNING, phase="Running"), "1/1", "Running"),
    "a container that waits says why": (
        a_pod(1, {"waiting": {"reason": "ContainerCreating"}}, phase="Pending"),
        "0/1",
        "ContainerCreating",
    ),
    "a program that ended well is completed": (
        a_pod(1, COMPLETED, phase="Succeeded"),
        "0/1",
        "Completed",
    ),
    "a program that failed is an error": (
        a_pod(1, {"terminated": {"exitCode": 2, "reason": "Error"}}, phase="Failed"),
        "0/1",
        "Error",
    ),
    "an end without a reason shows its code": (
        a_pod(1, {"terminated": {"exitCode": 2}}, phase="Failed"),
        "0/1",
        "ExitCode:2",
    ),
    "an end by a signal shows the signal": (
        a_pod(1, {"terminated": {"exitCode": 137, "signal": 9}}, phase="Failed"),
        "0/1",
        "Signal:9",
    ),
    "the first container that stands out is shown": (
        a_pod(2, {"terminated": {"exitCode": 1, "reason": "Error"}}, COMPLETED, phase="Failed"),
        "0/2",
        "Error",
    ),
    "a pod of which a part has ended is not ready": (
        a_pod(2, COMPLETED, RUNNING, phase="Running"),
        "1/2",
        "NotReady",
    ),
    "unless it says that it is": (
        a_pod(
            2,
            COMPLETED,
            RUNNING,
            phase="Running",
            conditions=[{"type": "Ready", "status": "True"}],
        ),
        "1/2",
        "Running",
    ),
    "a reason says more than a phase": (
        a_pod(1, phase="Failed", reason="Evicted"),
        "0/1",
        "Evicted",
    ),
    "an init container that runs is counted": (
        a_pod(1, phase="Pending", initContainerStatuses=[{"state": COMPLETED}, {"state": RUNNING}])
        | {"spec": {"containers": [{}], "initContainers": [{}, {}]}},
        "0/1",
        "Init:1/2",
    ),
    "an init container that failed says how": (
        a_pod(
            1,
            phase="Failed",
            initContainerStatuses=[{"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}],
        ),
        "0/1",
        "Init:Error",
    ),
    "init containers that ended well are forgotten": (
        a_pod(1, RUNNING, phase="Running", initContainerStatuses=[{"state": COMPLETED}]),
        "1/1",
        "Running",
    ),
    "a pod that is to go is terminating": (
        some(
            metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"},
            spec={"containers": [{}]},
            status={"phase": "Running"},
        ),
        "0/1",
        "Terminating",
    ),
}


@pytest.mark.parametrize("sentence", PODS)
def test_how_a_pod_stands(sentence: str) -> None:
    pod, ready, status = PODS[sentence]
    assert printed("pods", pod) == {"Ready": ready, "Status": status, "Restarts": "0", "Age": "20m"}


def test_restarts_are_counted_with_the_last_time() -> None:
    ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:15:00Z"}}
    told = {"restartCount": 2, "lastState": ended, "ready": True, "state": RUNNING}
    pod = some(spec={"containers": [{}]}, status={"containerStatuses": [told, {"restartCount": 1}]})
    assert printed("pods", pod)["Restarts"] == "3 (5m ago)"


WIDE: Mapping[str, tuple[str, Manifest, Manifest]] = {
    "a pod shows where it runs": (
        "pods",
        some(spec={"nodeName": "here"}),
        {"IP": "<none>", "Node": "here", "Nominated Node": "<none>", "Readiness Gates": "<none>"},
    ),
    "a pod counts the conditions it waits for": (
        "pods",
        some(
            spec={"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            status={
                "nominatedNodeName": "there",
                "conditions": [
                    {"type": "a", "status": "True"},
                    {"type": "b", "status": "False"},
                ],
            },
        ),
        {"Nominated Node": "there", "Readiness Gates": "1/2"},
    ),
    "a job shows what it runs": (
        "jobs",
        some(
            spec={
                "template": {"spec": {"containers": [{"name": "main", "image": "python"}]}},
                "selector": {"matchLabels": {"b": "2", "a": "1"}},
            },
        ),
        {"Containers": "main", "Images": "python", "Selector": "a=1,b=2"},
    ),
    "an event shows who told it, and how often": (
        "events",
        some(source={"component": "trial-controller"}, count=3),
        {"Source": "trial-controller", "Count": 3, "Name": "one"},
    ),
    "a service shows whom it reaches": (
        "services",
        some(spec={"selector": {"app": "one"}}),
        {"Selector": "app=one"},
    ),
}


@pytest.mark.parametrize("sentence", WIDE)
def test_the_wide_columns(sentence: str) -> None:
    plural, resource, wanted = WIDE[sentence]
    wide = cells(plural, resource, 1)
    assert {head: wide[head] for head in wanted} == wanted


MALFORMED: Mapping[str, Manifest] = {
    "nothing at all": {},
    "texts for maps": {"metadata": "", "spec": "x", "status": "x", "data": "x", "secrets": "x"},
    "numbers for lists": {
        "spec": {"containers": 1, "ports": 1, "externalIPs": 1, "template": 1, "selector": 1},
        "status": {"conditions": 1, "containerStatuses": 1, "accessModes": 1, "loadBalancer": 1},
    },
    "lists of the wrong things": {
        "spec": {"containers": [1], "ports": [1], "externalIPs": [1], "completions": "x"},
        "status": {"conditions": ["x"], "containerStatuses": [1], "accessModes": [1]},
    },
    "times that are none": {
        "metadata": {"creationTimestamp": 5},
        "status": {"startTime": "yesterday", "completionTime": {}},
        "lastTimestamp": [],
    },
}


@pytest.mark.parametrize("known", RESOURCE_TYPES, ids=lambda known: str(known.plural))
@pytest.mark.parametrize("sentence", MALFORMED)
def test_a_resource_that_makes_no_sense_has_a_row(known: ResourceType, sentence: str) -> None:
    found = table(known.plural, MALFORMED[sentence])
    (row,) = found["rows"]
    assert len(row["cells"]) == len(found["columnDefinitions"])


DURATIONS = {
    -5: "<invalid>",
    -1: "0s",
    0: "0s",
    119: "119s",
    120: "2m",
    495: "8m15s",
    600: "10m",
    20 * 60 + 59: "20m",
    3 * 3600 - 1: "179m",
    3 * 3600: "3h",
    3 * 3600 + 60: "3h1m",
    8 * 3600 + 60: "8h",
    48 * 3600 - 1: "47h",
    48 * 3600: "2d",
    52 * 3600: "2d4h",
    8 * 86_400 + 3600: "8d",
    2 * 365 * 86_400 - 1: "729d",
    2 * 365 * 86_400: "2y",
    (2 * 365 + 40) * 86_400: "2y40d",
    (9 * 365 + 40) * 86_400: "9y",
}


@pytest.mark.parametrize("seconds", DURATIONS)
def test_durations_are_written_as_kubernetes_does(seconds: int) -> None:
    assert duration(seconds) == DURATIONS[seconds]


def test_an_age_is_told_from_any_time_zone() -> None:
    resource = some(metadata={"creationTimestamp": "2026-01-01T02:00:00+02:00"})
    assert printed("configmaps", resource)["Age"] == "20m"
    later = datetime(2026, 1, 3, 4, tzinfo=UTC)
    assert table("configmaps", resource, now=later)["rows"][0]["cells"][-1] == "2d4h"
