"""kubectl, command by command, against ``katib up``: what a user types, and what it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from command_line import Answer, Katib, Manifest, an_experiment, finish

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH"),
]

#: An age or a duration, as kubectl has it.
AGE = r"[\dms]+"

#: What the webhooks say first when they refuse.
REFUSED = 'admission webhook "{}.experiment.katib.kubeflow.org" denied the request: '


@dataclass(frozen=True)
class Cluster:
    """What kubectl takes for one: the server of a home.

    Every test has a namespace of its own, which has the name of its experiment.
    """

    katib: Katib

    def __call__(self, *words: str, check: int | None = 0, editor: str = "false") -> Answer:
        """Run kubectl to its end; ``check`` is the exit code that it must have."""
        ended = subprocess.run(
            ["kubectl", *words],
            cwd=self.katib.folder,
            env={**self._variables, "KUBE_EDITOR": editor},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        answer = Answer(ended.returncode, ended.stdout, ended.stderr)
        assert check in (None, answer.code), f"exit code {answer.code}: {answer.text}"
        return answer

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start kubectl and leave it going."""
        return subprocess.Popen(
            ["kubectl", *words],
            cwd=self.katib.folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def write(self, name: str, labels: dict[str, str] | None = None, **spec: object) -> str:
        """Write the document of an experiment that runs until it is told; its path."""
        script = f"echo loss=2; while [ ! -e end-{name} ]; do sleep 0.05; done; echo loss=1"
        manifest = an_experiment(script, name=name, **spec)
        manifest["metadata"] |= {"namespace": name, "labels": labels or {}}
        manifest["spec"]["trialTemplate"]["retain"] = True
        return self.katib.write(manifest, f"{name}.yaml")

    def changed(self, name: str, said: str, instead: str) -> str:
        """Write the document with other words in one place; its path."""
        was = (self.katib.folder / f"{name}.yaml").read_text()
        assert said in was
        path = self.katib.folder / f"{name}-changed.yaml"
        path.write_text(was.replace(said, instead))
        return str(path)

    def end(self, name: str) -> None:
        """Tell the trials of an experiment to end, those that are still to come too."""
        (self.katib.folder / f"end-{name}").touch()

    def wait(self, name: str, condition: str) -> Answer:
        """``kubectl wait`` for an experiment."""
        resource = f"experiment/{name}"
        return self("wait", "-n", name, f"--for={condition}", resource, "--timeout=240s")

    def running_pod(self, name: str) -> str:
        """The pod of an experiment's only trial, as soon as it runs and is counted."""
        self.wait(name, "jsonpath={.status.trialsRunning}=1")
        (pod,) = self.names(name, "pods")
        running = "--for=jsonpath={.status.phase}=Running"
        self("wait", "-n", name, running, pod, "--timeout=240s")
        return pod

    def read(self, name: str, path: str) -> str:
        """One field of an experiment."""
        return self("get", "experiment", name, "-n", name, "-o", f"jsonpath={{{path}}}").out

    def names(self, name: str, kinds: str) -> list[str]:
        """What there is in the namespace of an experiment."""
        return self("get", kinds, "-n", name, "-o", "name").out.split()

    @property
    def _variables(self) -> dict[str, str]:
        kubeconfig = str(self.katib.home / "kubeconfig")
        return {**self.katib.environment, "KUBECONFIG": kubeconfig, "HOME": str(self.katib.folder)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server for all that is here; what still runs at the end is ended."""
    folder = tmp_path_factory.mktemp("kubectl")
    katib = Katib(folder / "home", folder)
    katib("up", "--detach", "--port", "0", check=0)
    yield Cluster(katib)
    katib("down", "--stop-trials", check=0)


@pytest.fixture(scope="module")
def held(cluster: Cluster) -> Cluster:
    """A cluster where the experiment ``held`` has one trial, which does not end."""
    cluster("apply", "-f", cluster.write("held", labels={"team": "seen"}))
    cluster.running_pod("held")
    return cluster


def lines(printed: str) -> list[str]:
    """The lines of a table, one space between its cells."""
    return [" ".join(line.split()) for line in printed.splitlines() if line]


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
    words, expected = TABLES[case]
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
    words, fragments = SAID[case]
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
    words, said = WRONG[case]
    generation = held.read("held", ".metadata.generation")
    assert said in held(*words, "-n", "held", check=1).err
    assert held.read("held", ".metadata.generation") == generation == "1"


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
    assert 'previous terminated container "main" in pod' in before.err
    (_, row) = lines(cluster("get", "jobs", "-n", "watched").out)
    assert row.split()[1:3] == ["Complete", "1/1"]
    (_, row) = lines(cluster("get", "pods", "-n", "watched").out)
    assert row.split()[1:3] == ["0/1", "Completed"]
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
    second = ("apply", "--server-side", "--field-manager=robot", "-f", other)
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


INVALID: dict[str, str] = {
    "an algorithm that nobody knows": 'did you mean "random"?',
    "a space with nothing in it": (
        'spec.parameters[0].feasibleSpace.min: Invalid value: "9.0": must not be greater than'
    ),
    "a reference to no parameter": "parameter reference z does not exist in spec.parameters",
    "no budget": "spec.maxTrialCount: Invalid value: 0",
}


@pytest.fixture(scope="module")
def refusal(cluster: Cluster) -> str:
    """What kubectl prints of a document with several mistakes."""
    manifest = an_experiment("true", algorithm={"algorithmName": "randon"}, maxTrialCount=0)
    manifest["spec"]["parameters"][0]["feasibleSpace"]["min"] = "9.0"
    manifest["spec"]["trialTemplate"]["trialParameters"][0]["reference"] = "z"
    path = cluster.katib.write(manifest, "invalid.yaml")
    refused = cluster("create", "-f", path, check=1)
    assert refused.out == ""
    assert cluster.names("default", "experiments") == []
    return refused.err


@pytest.mark.parametrize("case", INVALID)
def test_all_that_is_wrong_with_a_document_is_told_at_once(case: str, refusal: str) -> None:
    assert REFUSED.format("validator") in refusal
    assert refusal.count("denied the request") == 1
    assert INVALID[case] in refusal


def test_a_field_that_is_not_there_is_refused_or_warned_about(cluster: Cluster) -> None:
    cluster.write("unknown")
    path = cluster.changed("unknown", "maxTrialCount:", "maxTrialCuont:")
    said = 'unknown field "spec.maxTrialCuont"'
    refused = cluster("create", "-f", path, check=1)
    assert f"strict decoding error: {said}" in refused.err
    warned = cluster("create", "-f", path, "--validate=warn", "--dry-run=server")
    assert f"Warning: {said}" in warned.err
    assert warned.out == "experiment.kubeflow.org/unknown created (server dry run)\n"
