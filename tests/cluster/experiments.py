"""Experiments in a cluster, and what must be true of them in the end, whatever happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from katib.api.values import Manifest
from katib.errors import NotFoundError
from katib.kubernetes.client import KubernetesClient

ROOT = "/apis/kubeflow.org/v1beta1"


def an_experiment(name: str = "tuned", trials: int = 6, **spec: object) -> Manifest:
    """An experiment of a double ``x`` whose trials print it as ``loss``; three run at once.

    Args:
        name: the experiment's.
        trials: how many there are, in all.
        spec: fields of ``spec`` that differ; ``None`` for those that are left out.
    """
    container = {
        "name": "main",
        "image": "localhost/none:1",
        "command": ["/bin/sh", "-c", "echo loss=${trialParameters.x}"],
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    usual: Manifest = {
        "objective": {"type": "minimize", "objectiveMetricName": "loss"},
        "algorithm": {"algorithmName": "random"},
        "maxTrialCount": trials,
        "parallelTrialCount": min(3, trials),
        "maxFailedTrialCount": min(3, trials),
        "parameters": [
            {
                "name": "x",
                "parameterType": "double",
                "feasibleSpace": {"min": "0.0", "max": "1.0"},
            }
        ],
        "trialTemplate": {
            "primaryContainerName": "main",
            "trialParameters": [{"name": "x", "reference": "x"}],
            "trialSpec": {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "spec": {"template": {"spec": pod}},
            },
        },
    }
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {name: value for name, value in {**usual, **spec}.items() if value is not None},
    }


class Experiments:
    """What a user sees of a namespace.

    Args:
        client: of the API server.
        namespace: which one.
    """

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self._client, self.namespace = client, namespace

    def create(self, manifest: Manifest) -> None:
        """Create an experiment, as it is written: no webhook gives it defaults."""
        body = msgspec.json.encode(manifest)
        self._client.request("POST", self._path("experiments"), body=body)

    def get(self, plural: str, name: str) -> Manifest:
        found: Manifest = msgspec.json.decode(self._client.request("GET", self._path(plural, name)))
        return found

    def find(self, plural: str, name: str) -> Manifest | None:
        try:
            return self.get(plural, name)
        except NotFoundError:
            return None

    def list(self, plural: str) -> Sequence[Manifest]:
        listed = msgspec.json.decode(self._client.request("GET", self._path(plural)))
        items: list[Manifest] = listed["items"]
        return items

    def delete(self, plural: str, name: str) -> None:
        self._client.request("DELETE", self._path(plural, name))

    def patch(self, plural: str, name: str, change: Manifest) -> None:
        """Change some fields, as ``kubectl edit`` would."""
        body, merge = msgspec.json.encode(change), "application/merge-patch+json"
        self._client.request("PATCH", self._path(plural, name), body=body, content_type=merge)

    def list_jobs(self) -> Sequence[Manifest]:
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        items: list[Manifest] = msgspec.json.decode(self._client.request("GET", path))["items"]
        return items

    def ended(self, name: str = "tuned") -> str:
        """The reason why an experiment is over; empty while it is not."""
        conditions = self.get("experiments", name).get("status", {}).get("conditions", [])
        ends = ("Succeeded", "Failed")
        found = [one for one in conditions if one["type"] in ends and one["status"] == "True"]
        return str(found[0]["reason"]) if found else ""

    def events(self, name: str) -> Mapping[str, tuple[str, str]]:
        """Reason → type and message of the events about what has that name."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        query = {"fieldSelector": f"involvedObject.name={name}"}
        listed = msgspec.json.decode(self._client.request("GET", path, query=query))
        return {one["reason"]: (one["type"], one["message"]) for one in listed["items"]}

    def waits(self, plural: str) -> Mapping[str, str]:
        """Name → why it cannot go on, of each resource that says that it cannot."""
        return {
            one["metadata"]["name"]: condition["reason"]
            for one in self.list(plural)
            for condition in one.get("status", {}).get("conditions", [])
            if (condition["type"], condition["status"]) == ("Progressing", "False")
        }

    def completed(self, name: str = "tuned") -> int:
        """How many trials have succeeded."""
        status = self.get("experiments", name).get("status", {})
        return int(status.get("trialsSucceeded", 0))

    def check_books(self, trials: int, name: str = "tuned") -> None:
        """None was lost and none is too many: assignments, trials and counters agree.

        Raises:
            AssertionError: they do not.
        """
        status = self.get("experiments", name)["status"]
        assigned = self.get("suggestions", name)["status"]
        names = [one["name"] for one in assigned["suggestions"]]
        made = [
            one
            for one in self.list("trials")
            if one["metadata"]["labels"]["katib.kubeflow.org/experiment"] == name
        ]
        assert len(names) == len(set(names)) == assigned["suggestionCount"] == trials
        assert sorted(one["metadata"]["name"] for one in made) == sorted(names)
        assert all(is_true(one, "Succeeded") for one in made)
        assert (status["trials"], status["trialsSucceeded"]) == (trials, trials)
        values = {one["metadata"]["name"]: value_of(one) for one in made}
        best = status["currentOptimalTrial"]["bestTrialName"]
        assert values[best] == min(values.values())
        for one in made:
            (assignment,) = one["spec"]["parameterAssignments"]
            assert values[one["metadata"]["name"]] == float(assignment["value"])

    def _path(self, plural: str, name: str = "") -> str:
        path = f"{ROOT}/namespaces/{self.namespace}/{plural}"
        return f"{path}/{name}" if name else path


def is_true(resource: Manifest, type: str) -> bool:
    """Whether a condition of that type is true."""
    conditions = resource.get("status", {}).get("conditions", [])
    return any(one["type"] == type and one["status"] == "True" for one in conditions)


def value_of(trial: Manifest) -> float:
    """What a trial observed of its only metric."""
    (metric,) = trial["status"]["observation"]["metrics"]
    return float(metric["latest"])
