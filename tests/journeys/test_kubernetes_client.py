"""The Python client of Kubernetes, as it is published today, against ``katib up``."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from command_line import Katib, an_experiment

from environments import an_environment
from katib.api_server.resources import RESOURCE_TYPES

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

LISTED = [one for one in RESOURCE_TYPES if "list" in one.verbs]

#: Run by an interpreter that has the client and nothing of ours, so that it is no module here. Each
#: check prints its name when it holds; what it is given are the kinds, as discovery must tell them.
PROGRAM = r"""
import itertools
import json
import pathlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException

config.load_kube_config()
api = client.ApiClient()
dyn = dynamic.DynamicClient(api)
core, batch = client.CoreV1Api(), client.BatchV1Api()
custom = client.CustomObjectsApi()
KATIB = dict(group="kubeflow.org", version="v1beta1", namespace="default")
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
POD = {"containers": [{"name": "main", "image": "busybox", "command": ["true"]}],
       "restartPolicy": "Never"}
EXPERIMENT = json.loads(pathlib.Path("experiment.json").read_text())


def template(**labels):
    return {"metadata": {"labels": labels}, "spec": POD}


def runtime():
    job = {"name": "node", "template": {"spec": {"template": template()}}}
    return {"spec": {"mlPolicy": {"numNodes": 1},
                     "template": {"spec": {"replicatedJobs": [job]}}}}


# What each kind needs beside a name. Nothing of it runs: what could is suspended.
NEEDS = {
    "Experiment": lambda: {"spec": EXPERIMENT["spec"]},
    "Suggestion": lambda: {"spec": {"algorithm": {"algorithmName": "random"}, "requests": 0}},
    "Trial": lambda: {"spec": {
        "objective": EXPERIMENT["spec"]["objective"],
        "parameterAssignments": [{"name": "x", "value": "0.5"}],
        "primaryContainerName": "main",
        "successCondition": 'status.conditions.#(type=="Complete")#|#(status=="True")#',
        "failureCondition": 'status.conditions.#(type=="Failed")#|#(status=="True")#',
        "metricsCollector": {"collector": {"kind": "StdOut"}},
        "runSpec": {"apiVersion": "batch/v1", "kind": "Job",
                    "spec": {"suspend": True, "template": {"spec": POD}}},
    }},
    "Job": lambda: {"spec": {"suspend": True, "template": template()}},
    "Pod": lambda: {"spec": POD},
    "ConfigMap": lambda: {"data": {"a": "1"}},
    "Secret": lambda: {"stringData": {"a": "1"}},
    "Namespace": dict,
    "PersistentVolumeClaim": lambda: {"spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    "Service": lambda: {"spec": {"ports": [{"port": 80}], "selector": {"a": "1"}}},
    "ServiceAccount": dict,
    "Deployment": lambda: {"spec": {
        "selector": {"matchLabels": {"a": "1"}},
        "template": {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [
            {"name": "main", "image": "busybox"}]}}}},
    "FunctionCall": lambda: {"spec": {"suspend": True, "function": "0" * 64, "arguments": {}}},
    "TrainJob": lambda: {"spec": {"suspend": True, "runtimeRef": {"name": "torch-distributed"}}},
    "TrainingRuntime": runtime,
    "ClusterTrainingRuntime": runtime,
}


def refused(code, call, *words, **named):
    try:
        call(*words, **named)
    except (ApiException, dynamic.exceptions.DynamicApiError) as error:
        assert error.status == code, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError(f"not refused with {code}")


def of(kind, api_version):
    return dyn.resources.get(api_version=api_version, kind=kind)


def place(resource):
    return {"namespace": "default"} if resource.namespaced else {}


def body(resource, name):
    metadata = {"name": name, "labels": {"of": resource.kind}}
    return {"apiVersion": resource.group_version, "kind": resource.kind,
            "metadata": metadata, **NEEDS[resource.kind]()}


# What a watch tells until it has told all that is wanted, or a long time is over.
def events(resource, since, wanted):
    stream = resource.watch(resource_version=since, timeout=240,
                            label_selector=f"of={resource.kind}", **place(resource))
    told = []
    for event in stream:
        told.append((event["type"], event["raw_object"]["metadata"]["name"]))
        if wanted <= set(told):
            break
    return told


# What has finalizers goes a moment after it is deleted, and what it owns goes behind it.
def wait_until_gone(listed):
    deadline = time.monotonic() + 240
    while listed().items:
        assert time.monotonic() < deadline, listed()
        time.sleep(0.05)


def check_served(kind, api_version):
    resource = of(kind, api_version)
    where = place(resource)
    # A trial's Job has its name: no two kinds share one.
    one, two = names = [f"{kind.lower()}-{number}" for number in (1, 2)]
    before = resource.get(label_selector=f"of={kind}", **where)
    assert before.items == [], before
    if "create" not in resource.verbs:
        assert sorted(resource.verbs) == ["get", "list", "watch"]
        return
    heard, wanted = [], {("ADDED", one), ("ADDED", two), ("MODIFIED", one)}
    listening = threading.Thread(target=lambda: heard.extend(
        events(resource, before.metadata.resourceVersion, wanted)))
    listening.start()
    for name in names:
        # What an experiment makes has its labels: each kind has another one.
        made = resource.create(body=body(resource, name), **where)
        assert made.metadata.uid and made.metadata.resourceVersion
    listed = resource.get(label_selector=f"of={resource.kind}", **where)
    assert [item.metadata.name for item in listed.items] == names, listed
    assert listed.kind == f"{kind}List"
    check_patches(resource, one, where)
    listening.join()
    assert heard[0] == ("ADDED", one), heard
    assert wanted <= set(heard), heard
    # What was missed comes again from the version of the list.
    missed = events(resource, listed.metadata.resourceVersion, {("MODIFIED", one)})
    assert missed and missed[0][0] == "MODIFIED", missed
    resource.delete(label_selector=f"of={resource.kind}", **where)
    wait_until_gone(lambda: resource.get(label_selector=f"of={resource.kind}", **where))
    wanted = {("DELETED", name) for name in names}
    gone = events(resource, listed.metadata.resourceVersion, wanted)
    assert {name for type, name in gone if type == "DELETED"} == set(names), gone


def check_patches(resource, name, where):
    def patch(body, type):
        return resource.patch(name=name, body=body, content_type=type, **where).metadata

    def labels(**given):
        return {"metadata": {"labels": given}}

    assert patch(labels(merged="yes"), MERGE).labels.merged == "yes"
    assert patch(labels(merged=None), MERGE).labels.merged is None
    added = [{"op": "add", "path": "/metadata/labels/added", "value": "yes"}]
    assert patch(added, JSON_PATCH).labels.added == "yes"
    failing = [{"op": "test", "path": "/metadata/labels/added", "value": "no"}]
    refused(422, patch, failing, JSON_PATCH)
    if resource.group in ("", "batch", "apps"):
        assert patch(labels(strategic="yes"), STRATEGIC).labels.strategic == "yes"
    else:
        refused(415, patch, labels(strategic="yes"), STRATEGIC)
    wanted = {"apiVersion": resource.group_version, "kind": resource.kind,
              "metadata": {"name": name, "labels": {"applied": "yes"}}}
    def apply(manager):
        return resource.server_side_apply(
            name=name, body=wanted, field_manager=manager, **where)
    assert apply("first").metadata.labels.applied == "yes"
    wanted["metadata"]["labels"]["applied"] = "no"
    assert "first" in refused(409, apply, "second")["message"]
    wanted["metadata"]["labels"] = {}
    assert apply("first").metadata.labels.applied is None


def check_containers_are_merged_by_name():
    core.create_namespaced_pod("default", {
        "metadata": {"name": "merged"},
        "spec": {"containers": [{"name": "main", "image": "busybox", "command": ["true"]},
                                {"name": "other", "image": "busybox", "command": ["true"]}]}})
    patch = {"spec": {"containers": [{"name": "other", "image": "alpine"}]}}
    pod = core.patch_namespaced_pod("merged", "default", patch)
    assert {one.name: one.image for one in pod.spec.containers} == {
        "main": "busybox", "other": "alpine"}
    core.delete_namespaced_pod("merged", "default")


def check_bookmarks():
    start = core.list_namespaced_config_map("default").metadata.resource_version
    core.create_namespaced_secret("default", {"metadata": {"name": "elsewhere"}})
    watching = watch.Watch()
    told = list(watching.stream(core.list_namespaced_config_map, "default", resource_version=start,
                                allow_watch_bookmarks=True, timeout_seconds=1))
    assert [event["type"] for event in told] == ["BOOKMARK"], told
    assert int(watching.resource_version) > int(start)
    core.delete_namespaced_secret("elsewhere", "default")
    told = list(watch.Watch().stream(
        core.list_namespaced_config_map, "default", timeout_seconds=1,
        send_initial_events=True, resource_version_match="NotOlderThan",
        allow_watch_bookmarks=True))
    marks = [event["raw_object"]["metadata"].get("annotations") for event in told
             if event["type"] == "BOOKMARK"]
    assert {"k8s.io/initial-events-end": "true"} in marks, told


def check_pages():
    for name in "abcde":
        core.create_namespaced_config_map(
            "default", {"metadata": {"name": name, "labels": {"paged": "yes"}}})
    seen, token = [], None
    for number in itertools.count():
        page = core.list_namespaced_config_map(
            "default", label_selector="paged=yes", limit=2, _continue=token)
        seen += [one.metadata.name for one in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert (number, seen) == (2, list("abcde"))
    core.delete_collection_namespaced_config_map("default", label_selector="paged in (yes),!x")
    assert core.list_namespaced_config_map("default", label_selector="paged").items == []


def check_a_version_that_is_forgotten():
    stream = watch.Watch().stream
    def follow(since):
        return list(stream(core.list_namespaced_config_map, "default", resource_version=since,
                           timeout_seconds=1))
    core.create_namespaced_config_map("default", {"metadata": {"name": "busy"}})
    try:
        follow("1")
    except ApiException as error:
        assert error.status == 410 and "Expired" in error.reason, error
    else:
        raise AssertionError("a version before the server's memory is watched")
    # What the client's makers say to do then: list, and watch from there.
    listed = core.list_namespaced_config_map("default")
    assert "busy" in [one.metadata.name for one in listed.items]
    assert follow(listed.metadata.resource_version) == []
    refused(504, core.list_namespaced_config_map, "default", resource_version="999999999")
    core.delete_namespaced_config_map("busy", "default")


def check_a_log_is_followed():
    custom.create_namespaced_custom_object(plural="experiments", body=EXPERIMENT, **KATIB)
    for event in watch.Watch().stream(
            core.list_namespaced_pod, "default", timeout_seconds=240, deserialize=False):
        pod = event["object"]
        if pod.get("status", {}).get("phase") == "Running":
            break
    lines = watch.Watch().stream(core.read_namespaced_pod_log, pod["metadata"]["name"], "default")
    assert next(lines) == "loss=2"
    pathlib.Path("go-on").touch()
    assert list(lines) == ["loss=1"]
    listing = custom.list_namespaced_custom_object
    for event in watch.Watch().stream(listing, plural="experiments", timeout_seconds=240, **KATIB):
        status = event["object"].get("status") or {}
        ended = [one["type"] for one in status.get("conditions", []) if one["status"] == "True"]
        if "Succeeded" in ended:
            break
    assert status["currentOptimalTrial"]["observation"]["metrics"][0]["min"] == "1"
    custom.delete_namespaced_custom_object(name="tuned", plural="experiments", **KATIB)
    wait_until_gone(lambda: batch.list_namespaced_job("default"))


# Side by side, as many clients at once.
with ThreadPoolExecutor(8) as threads:
    kinds = json.loads(sys.argv[1])
    for (kind, _), _ in zip(kinds, threads.map(lambda one: check_served(*one), kinds)):
        print("served", kind)
for check in (check_containers_are_merged_by_name, check_bookmarks, check_pages,
              check_a_version_that_is_forgotten, check_a_log_is_followed):
    check()
    print(check.__name__)
"""


@pytest.fixture
def served(katib: Katib) -> Iterator[Katib]:
    """A server in a home that has a past: changes that it never heard of."""
    path = katib.write(an_experiment("echo loss=1", name="before"), "before.yaml")
    katib("run", path, check=0)
    katib("delete", "experiment", "before", check=0)
    katib("up", "--detach", "--port", "0", check=0)
    yield katib
    katib("down", check=0)


def test_the_newest_client_of_kubernetes_finds_what_it_expects(served: Katib) -> None:
    script = "echo loss=2; while [ ! -e go-on ]; do sleep 0.05; done; echo loss=1"
    manifest = an_experiment(script)
    manifest["spec"]["trialTemplate"]["retain"] = True
    (served.folder / "experiment.json").write_text(json.dumps(manifest))
    kinds = [(one.kind.name, one.kind.api_version) for one in LISTED]
    ended = subprocess.run(
        [interpreter(), "-W", "error", "-c", PROGRAM, json.dumps(kinds)],
        cwd=served.folder,
        env={**served.environment, "KUBECONFIG": str(served.home / "kubeconfig")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    checks = re.findall(r"^def (check_(?!served|patches)\w+)", PROGRAM, re.MULTILINE)
    assert ended.stdout.split("\n") == [*(f"served {kind}" for kind, _ in kinds), *checks, ""]


def interpreter() -> str:
    """An interpreter with the newest client."""
    return an_environment("kubernetes-client", "kubernetes")
