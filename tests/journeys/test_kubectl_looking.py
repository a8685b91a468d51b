"""kubectl, command by command, against ``katib up``: what it prints of what there is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from kubectl import MARKS, REFUSED, Cluster, lines

pytestmark = MARKS

#: An age or a duration, as kubectl has it.
AGE = r"[\dms]+"

TRIAL, JOB, POD = r"held-\w{8}", r"held-\w{8}", r"held-\w{8}-\w{5}"

TABLES: dict[str, tuple[str, Sequence[str]]] = {
    "experiments have a type, a status and an age": (
        "get experiments",
        ("NAME TYPE STATUS AGE", f"held Running True {AGE}"),
    ),
    "experiments are no wider than Katib's": (
        "get experiment held -o wide",
        ("NAME TYPE STATUS AGE", f"held Running True {AGE}"),
    ),
    "labels choose": (
        "get experiments -l team=seen --no-headers",
        (f"held Running True {AGE}",),
    ),
    "labels are shown": (
        "get experiments --show-labels",
        ("NAME TYPE STATUS AGE LABELS", f"held Running True {AGE} team=seen"),
    ),
    "all namespaces are looked at": (
        "get experiments -A -l team=seen",
        ("NAMESPACE NAME TYPE STATUS AGE", f"held held Running True {AGE}"),
    ),
    "names can be had alone": ("get experiments -o name", ("experiment.kubeflow.org/held",)),
    "columns can be chosen": (
        "get trials -o custom-columns=TRIAL:.metadata.name,OF:.metadata.ownerReferences[0].name",
        ("TRIAL OF", f"{TRIAL} held"),
    ),
    "a field can be had alone": (
        "get experiment held -o jsonpath={.spec.parameters[0].feasibleSpace}",
        (re.escape('{"distribution":"uniform","max":"1.0","min":"0.0"}'),),
    ),
    "all of Katib's kinds have a name together": (
        "get katib",
        (
            "NAME TYPE STATUS AGE",
            f"experiment.kubeflow.org/held Running True {AGE}",
            "NAME TYPE STATUS REQUESTED ASSIGNED AGE",
            f"suggestion.kubeflow.org/held Running True 1 1 {AGE}",
            "NAME TYPE STATUS AGE",
            f"trial.kubeflow.org/{TRIAL} Running True {AGE}",
        ),
    ),
    "jobs and pods stand below each other": (
        "get jobs,pods",
        (
            "NAME STATUS COMPLETIONS DURATION AGE",
            f"job.batch/{JOB} Running 0/1 {AGE} {AGE}",
            "NAME READY STATUS RESTARTS AGE",
            f"pod/{POD} 1/1 Running 0 {AGE}",
        ),
    ),
    "jobs tell their containers when they are wide": (
        "get jobs -o wide",
        (
            "NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR",
            f"{JOB} Running 0/1 {AGE} {AGE} main busybox <none>",
        ),
    ),
    "pods have the columns of a cluster when they are wide": (
        "get pods -o wide",
        (
            "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES",
            f"{POD} 1/1 Running 0 {AGE} <none> <none> <none> <none>",
        ),
    ),
    "events tell what became of a trial": (
        "events",
        (
            "LAST SEEN TYPE REASON OBJECT MESSAGE",
            f"{AGE} Normal JobCreated Trial/{TRIAL} Job {JOB} has been created",
            f"{AGE} Normal JobRunning Trial/{TRIAL} Job {JOB} is running",
        ),
    ),
    "a question of rights is answered": ("auth can-i create experiments.kubeflow.org", ("yes",)),
    "readiness is answered": ("get --raw /readyz", ("ok",)),
}


@pytest.mark.parametrize("case", TABLES)
def test_it_prints(case: str, held: Cluster) -> None:
    words, usual = TABLES[case]
    expected = held.others.get(case, usual)
    printed = lines(held(*words.split(), "-n", "held").out)
    assert len(printed) == len(expected), printed
    for line, pattern in zip(printed, expected, strict=True):
        assert re.fullmatch(pattern, line), line


SAID: dict[str, tuple[str, Sequence[str]]] = {
    "an experiment is described": (
        "describe experiment held",
        (
            "Name: held",
            "Labels: team=seen",
            "API Version: kubeflow.org/v1beta1",
            "Max Trial Count: 1",
            "Distribution: uniform",
            "Message: Experiment is running",
            "Trials Running: 1",
        ),
    ),
    "a trial is described with its events": (
        "describe trials",
        ("Kind: Trial", "Parameter Assignments:", "Metric Strategies:", "Normal JobCreated"),
    ),
    "a job is described": (
        "describe jobs",
        ("Controlled By: Trial/held-", "Pods Statuses: 1 Active", "Image: busybox"),
    ),
    "a pod is described": (
        "describe pods",
        ("Status: Running", "Controlled By: Job/held-", "katib.kubeflow.org/trial=held-"),
    ),
    "YAML is what was written, with what was left out": (
        "get experiment held -o yaml",
        ("kind: Experiment", "resumePolicy: Never", "kind: StdOut", "type: Running"),
    ),
    "fields are explained": (
        "explain experiment.spec.objective",
        ("FIELD: objective <ObjectiveSpec>", "objectiveMetricName <string> -required-"),
    ),
    "fields of a trial's end are explained": (
        "explain trial.status.observation.metrics",
        ("latest <string>", "max <string>", "min <string>"),
    ),
    "kinds are listed": (
        "api-resources",
        (
            "experiments kubeflow.org/v1beta1 true Experiment",
            "trials kubeflow.org/v1beta1 true Trial",
            "jobs batch/v1 true Job",
            "pods po v1 true Pod",
        ),
    ),
    "versions of the API are listed": ("api-versions", ("batch/v1", "kubeflow.org/v1beta1")),
    "the server has a version": ("version", ("Server Version: v1.", "+katib")),
    "the server has an address": ("cluster-info", ("running at https://127.0.0.1:",)),
    "rights are listed": (
        "auth can-i --list",
        ("experiments.kubeflow.org [] [] [create delete deletecollection get list patch",),
    ),
    "nothing is found by another label": (
        "get experiments -l team=other",
        ("No resources found in held namespace.",),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_it_says(case: str, held: Cluster) -> None:
    words, usual = SAID[case]
    fragments = held.others.get(case, usual)
    said = " ".join(held(*words.split(), "-n", "held").text.split())
    assert [one for one in fragments if one not in said] == [], said


PATCH = ("patch", "experiment", "held", "-p")

WRONG: dict[str, tuple[Sequence[str], str]] = {
    "a kind that is not there": (
        ("get", "studies"),
        'the server doesn\'t have a resource type "studies"',
    ),
    "an experiment that is not there": (
        ("get", "experiment", "lost"),
        'Error from server (NotFound): experiments.kubeflow.org "lost" not found',
    ),
    "an experiment that is there already": (
        ("create", "-f", "held.yaml"),
        'experiments.kubeflow.org "held" already exists',
    ),
    "a label that has a value": (
        ("label", "experiment", "held", "team=other"),
        "'team' already has a value (seen), and --overwrite is false",
    ),
    "a field that no selector knows": (
        ("get", "experiments", "--field-selector", "spec.maxTrialCount=1"),
        "field label not supported: spec.maxTrialCount",
    ),
    "a patch that only Kubernetes' own kinds take": (
        (*PATCH, "{}", "--type=strategic"),
        "application/strategic-merge-patch+json is not supported by kubeflow.org/v1beta1",
    ),
    "a JSON patch whose test fails": (
        (*PATCH, '[{"op":"test","path":"/spec/maxTrialCount","value":9}]', "--type=json"),
        "testing value /spec/maxTrialCount failed",
    ),
    "a number that is a text": (
        (*PATCH, '{"spec":{"maxTrialCount":"4"}}', "--type=merge"),
        REFUSED.format("defaulter") + 'spec.maxTrialCount: Invalid value: "4": must be an integer',
    ),
    "another objective for an experiment that runs": (
        (*PATCH, '{"spec":{"objective":{"objectiveMetricName":"other"}}}', "--type=merge"),
        "spec: Forbidden: only spec.parallelTrialCount, spec.maxTrialCount and "
        "spec.maxFailedTrialCount are editable; changed: spec.objective",
    ),
    "a scale, which Katib's kinds have not": (
        ("scale", "experiment", "held", "--replicas=3"),
        "the server could not find the requested resource",
    ),
    "a search by a label that cannot be one": (
        ("get", "experiments", "-l", "a=b=c"),
        "unable to parse requirement",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_refuses(case: str, held: Cluster) -> None:
    words, usual = WRONG[case]
    generation = held.read("held", ".metadata.generation")
    said = held(*words, "-n", "held", check=1).err
    assert [one for one in held.others.get(case, (usual,)) if one not in said] == [], said
    assert held.read("held", ".metadata.generation") == generation == "1"


STREAMS: dict[str, tuple[str, Sequence[str]]] = {
    "exec": ("exec", ("--", "ls")),
    "attach": ("attach", ()),
    "portforward": ("port-forward", ("8080:80",)),
}


@pytest.mark.parametrize("part", STREAMS)
def test_who_wants_to_reach_into_a_pod_is_told_where_it_runs(part: str, held: Cluster) -> None:
    command, rest = STREAMS[part]
    (pod,) = held.names("held", "pods")
    told = held(command, "-n", "held", pod, *rest, check=1).err
    name = pod.partition("/")[2]
    assert f'pods "{name}" has no {part} here: a container is a process of this machine' in told
