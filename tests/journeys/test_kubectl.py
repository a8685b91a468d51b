"""kubectl, command by command, against ``katib up``: what it changes, and what it prints then."""

from __future__ import annotations

import json
import re

from command_line import Manifest, finish
from kubectl import MARKS, REFUSED, Cluster, lines

pytestmark = MARKS


def test_an_experiment_is_applied_again_and_again(cluster: Cluster) -> None:
    path = cluster.write("applied")
    applied = "experiment.kubeflow.org/applied"
    assert cluster("apply", "-f", path).out == f"{applied} created\n"
    before = cluster.read("applied", ".spec")
    # kubectl sends a list whole when defaults stand inside it, as in the list of parameters. So
    # it does not print "unchanged", and it does not in a cluster either.
    assert cluster("apply", "-f", path).out == f"{applied} configured\n"
    assert cluster.read("applied", ".spec") == before
    assert cluster.read("applied", ".metadata.generation") == "1"
    cluster.running_pod("applied")
    assert cluster("diff", "-f", path).out == ""

    more = cluster.changed("applied", "maxTrialCount: 1", "maxTrialCount: 2")
    told = cluster("diff", "-f", more, check=1).out
    assert "-  maxTrialCount: 1\n+  maxTrialCount: 2\n" in told
    assert "-  generation: 1\n+  generation: 2\n" in told
    rehearsed = cluster("apply", "-f", more, "--dry-run=server").out
    assert rehearsed == f"{applied} configured (server dry run)\n"
    assert cluster.read("applied", ".spec.maxTrialCount") == "1"
    assert cluster("apply", "-f", more).out == f"{applied} configured\n"
    assert cluster.read("applied", ".spec.maxTrialCount") == "2"
    most = cluster.changed("applied", "maxTrialCount: 1", "maxTrialCount: 3")
    assert cluster("replace", "-f", most).out == f"{applied} replaced\n"
    assert cluster.read("applied", ".spec.maxTrialCount") == "3"


def test_an_experiment_is_watched_to_its_end_and_its_log_is_followed(cluster: Cluster) -> None:
    cluster("apply", "-f", cluster.write("watched"))
    pod = cluster.running_pod("watched")
    watch = cluster.start("get", "experiment", "watched", "-n", "watched", "-w")
    log = cluster.start("logs", "-f", pod, "-n", "watched", "--timestamps")
    assert watch.stdout is not None
    assert log.stdout is not None
    head, first = (watch.stdout.readline().split() for _ in range(2))
    assert head == [b"NAME", b"TYPE", b"STATUS", b"AGE"]
    assert first[:3] == [b"watched", b"Running", b"True"]
    assert log.stdout.readline().endswith(b"Z loss=2\n")
    cluster.end("watched")
    assert any(line.split()[:2] == [b"watched", b"Succeeded"] for line in watch.stdout)
    watch.terminate()
    finish(watch)
    assert re.fullmatch(r"[-\dT:.]+Z loss=1\n", finish(log).out)

    met = cluster.wait("watched", "condition=Succeeded").out
    assert met == "experiment.kubeflow.org/watched condition met\n"
    assert cluster("logs", pod, "-n", "watched").out == "loss=2\nloss=1\n"
    assert cluster("logs", pod, "-n", "watched", "--tail=1").out == "loss=1\n"
    (job,) = cluster.names("watched", "jobs")
    assert cluster("logs", job, "-n", "watched", "--tail=1").out == "loss=1\n"
    wrong = cluster("logs", pod, "-n", "watched", "-c", "other", check=1)
    assert "container other is not valid for pod" in wrong.err
    before = cluster("logs", pod, "-n", "watched", "--previous", check=1)
    assert f'previous terminated container "{cluster.containers[-1]}" in pod' in before.err
    cells = [line.split() for line in lines(cluster("get", "jobs", "-n", "watched").out)]
    job_row = dict(zip(*cells, strict=True))
    assert job_row["COMPLETIONS"] == "1/1"
    # Old versions of Kubernetes have no such column.
    assert job_row.get("STATUS", "Complete") == "Complete"
    (_, row) = lines(cluster("get", "pods", "-n", "watched").out)
    assert row.split()[1:3] == [f"0/{len(cluster.containers)}", "Completed"]
    told = cluster("events", "--for", "experiment/watched", "-n", "watched").out
    assert "ExperimentMaxTrialsReached" in told


def test_a_larger_budget_restarts_an_experiment_that_runs_long(cluster: Cluster) -> None:
    cluster.end("longer")
    cluster("apply", "-f", cluster.write("longer", resumePolicy="LongRunning"))
    cluster.wait("longer", "condition=Succeeded")
    of = ("experiment", "longer", "-n", "longer")

    patched = "experiment.kubeflow.org/longer patched\n"
    merge = '{"spec":{"maxTrialCount":2}}'
    assert cluster("patch", *of, "--type=merge", "-p", merge).out == patched
    cluster.wait("longer", "jsonpath={.status.trialsSucceeded}=2")
    operations = json.dumps([{"op": "replace", "path": "/spec/maxTrialCount", "value": 3}])
    assert cluster("patch", *of, "--type=json", "-p", operations).out == patched
    cluster.wait("longer", "jsonpath={.status.trialsSucceeded}=3")
    edited = cluster("edit", *of, editor="sed -i 's/maxTrialCount: 3/maxTrialCount: 4/'")
    assert edited.out == "experiment.kubeflow.org/longer edited\n"
    cluster.wait("longer", "jsonpath={.status.trialsSucceeded}=4")
    told = cluster("events", "--for", "experiment/longer", "-n", "longer").out
    assert "ExperimentRestarting" in told
    assert "Experiment is restarted" in told
    assert len(cluster.names("longer", "trials")) == 4
    assert "no changes made" in cluster("edit", *of, editor="true").err


def test_an_edit_that_is_refused_is_kept_for_another_try(held: Cluster) -> None:
    editor = "sed -i 's/algorithmName: random/algorithmName: sobol/'"
    refused = held("edit", "experiment", "held", "-n", "held", check=1, editor=editor)
    assert REFUSED.format("validator") in refused.err
    assert "changed: spec.algorithm" in refused.err
    kept = re.search(r"kubectl replace -f (\S+\.yaml)", refused.err)
    assert kept is not None
    again = held("replace", "-f", kept[1], check=1)
    assert "changed: spec.algorithm" in again.err
    assert held.read("held", ".spec.algorithm.algorithmName") == "random"


def test_labels_and_annotations_come_and_go(cluster: Cluster) -> None:
    cluster("apply", "-f", cluster.write("marked", labels={"team": "red"}))
    of = ("experiment", "marked", "-n", "marked")
    shown = "experiment.kubeflow.org/marked"
    assert cluster("label", *of, "team=blue", "--overwrite").out == f"{shown} labeled\n"
    assert cluster.read("marked", ".metadata.labels.team") == "blue"
    assert cluster("label", *of, "team-").out == f"{shown} unlabeled\n"
    assert cluster.read("marked", ".metadata.labels.team") == ""
    assert cluster("annotate", *of, "why=known").out == f"{shown} annotated\n"
    assert cluster.read("marked", ".metadata.annotations.why") == "known"
    assert cluster.read("marked", ".metadata.generation") == "1"


def test_what_belongs_to_an_experiment_goes_with_it(cluster: Cluster) -> None:
    path = cluster.write("going", parallelTrialCount=2, maxTrialCount=2)
    cluster("apply", "-f", path)
    cluster.wait("going", "jsonpath={.status.trialsRunning}=2")
    kinds = "experiments,suggestions,trials,jobs,pods"
    assert len(cluster.names("going", kinds)) == 8
    rehearsed = cluster("delete", "-f", path, "--dry-run=server").out
    assert rehearsed == 'experiment.kubeflow.org "going" deleted (server dry run)\n'
    assert len(cluster.names("going", kinds)) == 8
    told = cluster("delete", "-f", path, "--cascade=foreground").out
    assert told == 'experiment.kubeflow.org "going" deleted\n'
    assert cluster.names("going", kinds) == []
    again = cluster("delete", "-f", path, check=1)
    assert 'experiments.kubeflow.org "going" not found' in again.err
    assert cluster("delete", "-f", path, "--ignore-not-found").out == ""


def test_what_belongs_to_an_experiment_stays_when_that_is_asked_for(cluster: Cluster) -> None:
    cluster("apply", "-f", cluster.write("leaving"))
    cluster.running_pod("leaving")
    before = cluster.names("leaving", "trials,jobs,pods")
    cluster("delete", "experiment", "leaving", "-n", "leaving", "--cascade=orphan")
    assert cluster.names("leaving", "experiments") == []
    assert cluster.names("leaving", "trials,jobs,pods") == before
    cluster("delete", "trials,suggestions", "--all", "-n", "leaving")
    cluster("wait", "-n", "leaving", "--for=delete", *before, "--timeout=240s")


def test_two_who_apply_on_the_server_are_told_of_each_other(cluster: Cluster) -> None:
    path = cluster.write("shared")
    shown = "experiment.kubeflow.org/shared serverside-applied\n"
    assert cluster("apply", "--server-side", "-f", path).out == shown
    part: Manifest = {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": "shared", "namespace": "shared"},
        "spec": {"maxTrialCount": 2},
    }
    other = cluster.katib.write(part, "shared-part.yaml")
    # Half a document: an old Kubernetes has kubectl look at its fields, which misses the rest.
    robot = ("--validate=false", "--field-manager=robot")
    second = ("apply", "--server-side", *robot, "-f", other)
    refused = cluster(*second, check=1).err
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .spec.maxTrialCount' in refused
    assert "--force-conflicts" in refused
    assert cluster.read("shared", ".spec.maxTrialCount") == "1"
    assert cluster(*second, "--force-conflicts").out == shown
    assert cluster.read("shared", ".spec.maxTrialCount") == "2"
    managed = cluster.read("shared", '.metadata.managedFields[?(@.manager=="robot")].fieldsV1')
    assert json.loads(managed) == {"f:spec": {"f:maxTrialCount": {}}}
    back = cluster("apply", "--server-side", "-f", path, check=1).err
    assert 'with "robot"' in back
    assert ".spec.maxTrialCount" in back


def test_a_pod_by_itself_runs(cluster: Cluster) -> None:
    cluster.prepare("alone")
    run = ("run", "-n", "alone", "--image=busybox", "--restart=Never")
    words = ("--command", "--", "sh", "-c", "echo hello")
    assert cluster(*run, "alone", *words).out == "pod/alone created\n"
    ended = "--for=jsonpath={.status.phase}=Succeeded"
    cluster("wait", "-n", "alone", ended, "pod/alone", "--timeout=240s")
    assert cluster("logs", "-n", "alone", "alone").out == "hello\n"
    cluster("delete", "-n", "alone", "pods", "--all")
    assert cluster.names("alone", "pods") == []


def test_a_pod_without_a_command_is_told_that_there_is_no_image(cluster: Cluster) -> None:
    cluster("run", "-n", "mute", "--image=busybox", "--restart=Never", "mute")
    ended = "--for=jsonpath={.status.phase}=Failed"
    cluster("wait", "-n", "mute", ended, "pod/mute", "--timeout=240s")
    told = cluster("describe", "-n", "mute", "pod", "mute").out
    assert 'container "mute" has no command, and the entry point of image "busybox"' in told
