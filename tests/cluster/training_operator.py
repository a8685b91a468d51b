"""Kubeflow's training operator for a cluster that has none: PyTorchJobs become pods."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import msgspec
from definitions import define

from katib.api.values import Kind, Manifest, Unstructured
from katib.errors import AlreadyExistsError, KatibError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install.parts import LABEL_INJECTION

PYTORCH_JOBS = Kind("kubeflow.org/v1", "PyTorchJob", "pytorchjobs", Unstructured)

_MERGE = "application/merge-patch+json"
_LABEL = "training.kubeflow.org"

#: How often jobs are looked at, in seconds.
_EVERY = 0.2


class TrainingOperator:
    """Runs the PyTorchJobs of a namespace; the kind is defined.

    Args:
        client: of the API server, as the administrator.
        namespace: whose jobs; its pods are shown to the webhooks from now on.
        variables: what containers find in their environment.
    """

    def __init__(
        self, client: KubernetesClient, namespace: str, variables: Mapping[str, str]
    ) -> None:
        self._client, self._variables = client, variables
        self._jobs = f"/apis/{PYTORCH_JOBS.api_version}/namespaces/{namespace}/pytorchjobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        define(client, PYTORCH_JOBS)
        body = {"metadata": {"labels": {LABEL_INJECTION: "enabled"}}}
        self._patch(f"/api/v1/namespaces/{namespace}", body)
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="training operator", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Run no more of them."""
        self._is_stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_stopping.wait(_EVERY):
            try:
                for job in self._get(self._jobs)["items"]:
                    if "deletionTimestamp" not in job["metadata"]:
                        self._run(job)
            except KatibError:
                continue  # A job may go meanwhile.

    def _run(self, job: Manifest) -> None:
        pods = list(_pods_of(job, self._variables))
        phases = [self._phase_of(pod) for pod in pods]
        ended = "Failed" if "Failed" in phases else phases[0]
        if ended in ("Succeeded", "Failed") and "status" not in job:
            reason = f"PyTorchJob{ended}"
            condition = {"type": ended, "status": "True", "reason": reason, "message": reason}
            path = f"{self._jobs}/{job['metadata']['name']}/status"
            self._patch(path, {"status": {"conditions": [condition]}})

    def _phase_of(self, pod: Manifest) -> str:
        """How a pod is, which is made when it is not there."""
        try:
            found = self._get(f"{self._pods}/{pod['metadata']['name']}")
        except NotFoundError:
            try:
                self._client.request("POST", self._pods, body=msgspec.json.encode(pod))
            except AlreadyExistsError:
                pass
            return "Pending"
        return str(found["status"].get("phase", "Pending"))

    def _get(self, path: str) -> Manifest:
        found: Manifest = msgspec.json.decode(self._client.request("GET", path))
        return found

    def _patch(self, path: str, body: Manifest) -> None:
        encoded = msgspec.json.encode(body)
        self._client.request("PATCH", path, body=encoded, content_type=_MERGE)


def _pods_of(job: Manifest, variables: Mapping[str, str]) -> Iterator[Manifest]:
    """The pods of a job, the master first."""
    metadata, replicas = job["metadata"], job["spec"]["pytorchReplicaSpecs"]
    kinds = [(kind, replicas[kind]) for kind in ("Master", "Worker") if kind in replicas]
    places = [(kind, one, index) for kind, one in kinds for index in range(one["replicas"])]
    owner = {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    for rank, (kind, one, index) in enumerate(places):
        told = {**variables, "RANK": str(rank), "WORLD_SIZE": str(len(places))}
        labels = {
            f"{_LABEL}/job-name": metadata["name"],
            f"{_LABEL}/replica-type": kind.lower(),
            f"{_LABEL}/replica-index": str(index),
            **({f"{_LABEL}/job-role": "master"} if kind == "Master" else {}),
        }
        template = one["template"]
        about = {
            **template.get("metadata", {}),
            "name": f"{metadata['name']}-{kind.lower()}-{index}",
            "namespace": metadata["namespace"],
            "ownerReferences": [owner],
        }
        about["labels"] = {**about.get("labels", {}), **labels}
        spec = {**template["spec"], "restartPolicy": "Never"}
        spec["containers"] = [_told(container, told) for container in spec["containers"]]
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}


def _told(container: Manifest, variables: Mapping[str, str]) -> Manifest:
    given = [{"name": name, "value": value} for name, value in variables.items()]
    # The job's own come last, and win.
    return {**container, "env": [*given, *container.get("env", ())]}
