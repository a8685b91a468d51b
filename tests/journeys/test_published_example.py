"""What ``get -o yaml`` prints has the fields of the published example, no more and no fewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import Answer, Katib, Manifest

pytestmark = pytest.mark.journey

PUBLISHED = Path(__file__).with_name("published")

#: Field path → why it is here though the publication does not show it. Lists are written as ``[]``.
Extras = dict[str, str]

#: The publication writes "..." in the place of these; every Kubernetes object has them.
LEFT_OUT_OF_METADATA: Extras = {
    "metadata.resourceVersion": 'behind the "..." of the metadata',
    "metadata.uid": 'behind the "..." of the metadata',
}

EXPERIMENT_EXTRAS: Extras = {
    **LEFT_OUT_OF_METADATA,
    "metadata.creationTimestamp": 'behind the "..." of the metadata',
    "metadata.finalizers[]": 'behind the "...": update-prometheus-metrics, set at creation',
    "metadata.generation": 'behind the "..." of the metadata',
    "spec.parameters[].feasibleSpace.distribution": (
        "since the publication, uniform is filled in for every parameter that names none"
    ),
}

SUGGESTION_EXTRAS: Extras = {
    **LEFT_OUT_OF_METADATA,
    "metadata.creationTimestamp": 'behind the "..." of the metadata',
    "metadata.generation": 'behind the "..." of the metadata',
}

#: Each example, and what its template alone brings in.
CONTAINER = "spec.template.spec.containers[]"
OF_DIGITS = "the template of the digits example sets a variable"


@dataclass(frozen=True)
class Ours:
    """The three resources of an experiment that has run, and its name and namespace."""

    experiment: Manifest
    suggestion: Manifest
    trials: list[Manifest]
    name: str
    namespace: str

    @property
    def best(self) -> Manifest:
        """The best trial."""
        name = self.experiment["status"]["currentOptimalTrial"]["bestTrialName"]
        [best] = [trial for trial in self.trials if trial["metadata"]["name"] == name]
        return best


@pytest.fixture(scope="module")
def digits(digits_run: tuple[Katib, Answer]) -> Ours:
    """What the digits example left behind."""
    return read(digits_run[0], "digits", "default")


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    """The published experiment itself, over a folder that stands for its image."""
    folder = tmp_path_factory.mktemp("random")
    program = folder / "image" / "opt" / "mxnet-mnist" / "mnist.py"
    program.parent.mkdir(parents=True)
    program.write_text(
        "import sys\n"
        "lr = float(dict(word.split('=') for word in sys.argv[1:])['--lr'])\n"
        "for epoch in (1, 2):\n"
        "    print(f'Epoch[{epoch}] Train-accuracy={0.9 + lr * epoch:.6f}')\n"
        "    print(f'Epoch[{epoch}] Validation-accuracy={0.9 + lr:.6f}')\n"
    )
    manifest = published("experiment")
    del manifest["status"]
    (folder / "random.yaml").write_text(yaml.safe_dump(manifest))
    katib = Katib(folder / "home", folder)
    image = "docker.io/kubeflowkatib/mxnet-mnist=image"
    katib("run", "random.yaml", "--image", image, check=0)
    return read(katib, "random", "kubeflow")


@pytest.fixture(params=["digits", "random"])
def ours(request: pytest.FixtureRequest) -> Ours:
    """Each of the two."""
    found: Ours = request.getfixturevalue(request.param)
    return found


def test_the_experiment_has_the_published_fields(ours: Ours) -> None:
    own = {}
    if ours.name == "digits":
        own = dict.fromkeys(
            (
                f"spec.trialTemplate.trialSpec.{CONTAINER}.env[].name",
                f"spec.trialTemplate.trialSpec.{CONTAINER}.env[].value",
            ),
            OF_DIGITS,
        )
    assert_same_fields(ours.experiment, published("experiment"), {**EXPERIMENT_EXTRAS, **own})


def test_the_suggestion_has_the_published_fields(ours: Ours) -> None:
    assert_same_fields(ours.suggestion, published("suggestion"), SUGGESTION_EXTRAS)


def test_every_trial_has_the_published_fields(ours: Ours) -> None:
    own = {}
    if ours.name == "digits":
        own = dict.fromkeys(
            (f"spec.runSpec.{CONTAINER}.env[].name", f"spec.runSpec.{CONTAINER}.env[].value"),
            OF_DIGITS,
        )
    for trial in ours.trials:
        assert_same_fields(trial, published("trial"), {**LEFT_OUT_OF_METADATA, **own})


def test_the_experiment_ends_as_the_published_one(ours: Ours) -> None:
    status, theirs = ours.experiment["status"], published("experiment")["status"]

    assert conditions(status) == conditions(theirs)
    assert (status["trials"], status["trialsSucceeded"]) == (12, 12)
    names = [trial["metadata"]["name"] for trial in ours.trials]
    assert sorted(status["succeededTrialList"]) == sorted(names)
    assert len(set(names)) == 12
    assert all(name.startswith(f"{ours.name}-") for name in names)
    assert ours.experiment["metadata"]["finalizers"] == ["update-prometheus-metrics"]


def test_the_optimum_is_the_best_trial(ours: Ours) -> None:
    best = ours.experiment["status"]["currentOptimalTrial"]

    values = [maximum(trial) for trial in ours.trials]
    assert maximum(ours.best) == max(values)
    assert best["observation"] == ours.best["status"]["observation"]
    assert best["parameterAssignments"] == ours.best["spec"]["parameterAssignments"]


def test_the_suggestion_ends_as_the_published_one(ours: Ours) -> None:
    suggestion, theirs = ours.suggestion, published("suggestion")

    assert suggestion["spec"] == theirs["spec"]
    # In process there is no Deployment to be ready; and since the publication, the suggestion of an
    # experiment that is over and is never resumed is over too.
    published_first, *_ = conditions(theirs["status"])
    ends = "Suggestion is succeeded, can't be restarted"
    assert conditions(suggestion["status"]) == [
        published_first,
        ("Running", "False", "Suggestion is succeeded", "Suggestion is not running"),
        ("Succeeded", "True", "Experiment is succeeded", ends),
    ]
    assert suggestion["status"]["suggestionCount"] == 12
    assigned = {
        one["name"]: one["parameterAssignments"] for one in suggestion["status"]["suggestions"]
    }
    assert assigned == {
        trial["metadata"]["name"]: trial["spec"]["parameterAssignments"] for trial in ours.trials
    }
    assert_owned(suggestion, ours)


def test_every_trial_ends_as_the_published_one(ours: Ours) -> None:
    theirs = conditions(published("trial")["status"])
    for trial in ours.trials:
        *early, last = conditions(trial["status"])
        assert early == theirs[:-1]
        # A Job gives a reason and a message nowadays, which are appended to the trial's own.
        type, status, reason, message = theirs[-1]
        assert last == (
            type,
            status,
            f"{reason}. Job reason: CompletionsReached",
            f"{message}. Job message: Reached expected number of succeeded pods",
        )
        assert trial["metadata"]["labels"] == {"katib.kubeflow.org/experiment": ours.name}
        assert trial["metadata"]["finalizers"] == ["clean-metrics-in-db"]
        assert trial["metadata"]["generation"] == 1
        assert trial["spec"]["runSpec"]["metadata"] == {
            "name": trial["metadata"]["name"],
            "namespace": ours.namespace,
        }
        assert trial["spec"]["objective"] == ours.experiment["spec"]["objective"]
        assert_owned(trial, ours)


def test_placeholders_become_the_assigned_values(random: Ours) -> None:
    for trial in random.trials:
        given = {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}
        [container] = trial["spec"]["runSpec"]["spec"]["template"]["spec"]["containers"]
        assert container["command"] == [
            "python3",
            "/opt/mxnet-mnist/mnist.py",
            "--batch-size=64",
            f"--lr={given['lr']}",
            f"--num-layers={given['num-layers']}",
            f"--optimizer={given['optimizer']}",
        ]


def test_the_published_document_comes_back_as_it_was_given(random: Ours) -> None:
    theirs = published("experiment")["spec"]
    spec = random.experiment["spec"]
    for parameter in spec["parameters"]:
        assert parameter["feasibleSpace"].pop("distribution") == "uniform"

    assert spec == theirs


def test_at_most_three_trials_run_at_once(digits: Ours) -> None:
    spans = [
        (trial["status"]["startTime"], trial["status"]["completionTime"]) for trial in digits.trials
    ]
    # Times are whole seconds: a trial that ends in the second in which another begins is let pass.
    for start, _ in spans:
        assert sum(begun <= start < ended for begun, ended in spans) <= 3


def read(katib: Katib, name: str, namespace: str) -> Ours:
    listed = yaml.safe_load(katib("get", "trials", "-n", namespace, "-o", "yaml", check=0).out)[
        "items"
    ]
    # One by one, since that is what the publication shows.
    trials = [katib.get("trial", trial["metadata"]["name"], namespace) for trial in listed[:2]]
    assert trials == listed[:2]
    return Ours(
        katib.get("experiment", name, namespace),
        katib.get("suggestion", name, namespace),
        listed,
        name,
        namespace,
    )


def published(kind: str) -> Manifest:
    manifest: Manifest = yaml.safe_load((PUBLISHED / f"{kind}.yaml").read_text())
    return manifest


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The path of every leaf; an empty map or list is a leaf too."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for item in value:
            yield from paths(item, f"{path}[]")
    else:
        yield path


def assert_same_fields(ours: Manifest, theirs: Manifest, extras: Extras) -> None:
    ours_paths, their_paths = set(paths(ours)), set(paths(theirs))
    assert their_paths - ours_paths == set(), "missing from ours"
    assert ours_paths - their_paths == set(extras), "more or less than the explained differences"


def conditions(status: Manifest) -> list[tuple[str, str, str, str]]:
    found = status["conditions"]
    return [(one["type"], one["status"], one["reason"], one["message"]) for one in found]


def maximum(trial: Manifest) -> float:
    """The value that the objective's strategy picks."""
    metrics = {one["name"]: one for one in trial["status"]["observation"]["metrics"]}
    assert list(metrics) == ["Validation-accuracy", "Train-accuracy"]
    return float(metrics["Validation-accuracy"]["max"])


def assert_owned(resource: Manifest, ours: Ours) -> None:
    assert resource["metadata"]["namespace"] == ours.namespace
    assert resource["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "Experiment",
            "name": ours.name,
            "uid": ours.experiment["metadata"]["uid"],
        }
    ]
