"""A cluster as the place of a diagnosis: what it knows beside the resources of Katib."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from katib.api import names
from katib.api.trial import Trial
from katib.api.values import Manifest, Resource
from katib.cli.diagnosis.places import TAIL_BYTES, Words
from katib.errors import KatibError, NotFoundError, RequestRefusedError
from katib.kubernetes.client import KubernetesClient

#: The operator's Deployment, as installations name it.
OPERATOR = "katib-controller"

#: How many lines of a log are searched, the last.
TAIL_LINES = 2_000

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class ClusterPlace:
    """A cluster, as far as who looks may see it: what is refused is not known.

    Args:
        client: of the API server; the caller's to close.
    """

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._operator = ""

    @property
    def words(self) -> Words:
        where = f"-n {self._operator} " if self._operator else ""
        revive = (
            f"see what it says: kubectl {where}describe deployment {OPERATOR}; then the experiment "
            "goes on"
        )
        return Words(
            afresh="delete the experiment, and apply its document again",
            again="apply it again",
            absent=f"no pod of the Deployment {OPERATOR} is ready, so nothing happens",
            revive=revive,
            reopen=revive,
            also_revive=f"and see why no pod of the Deployment {OPERATOR} is ready",
            engine_log=f"kubectl {where}logs deployment/{OPERATOR}",
            output=f"kubectl logs --all-containers -l {names.LABEL_TRIAL}={{trial}}",
        )

    def engine(self) -> str | None:
        """The operator, where it is a Deployment that may be seen."""
        query = {"fieldSelector": f"metadata.name={OPERATOR}"}
        try:
            found = self._items("/apis/apps/v1/deployments", query)
        except RequestRefusedError:
            found = []
        if not found:
            return "an operator that cannot be seen from here"
        ready = [one for one in found if one.get("status", {}).get("readyReplicas")]
        self._operator = str((ready or found)[0]["metadata"]["namespace"])
        return f"{OPERATOR} in the namespace {self._operator}" if ready else None

    def events(self, resource: Resource) -> Sequence[Manifest]:
        metadata = resource.metadata
        path = f"/api/v1/namespaces/{metadata.namespace}/events"
        try:
            found = self._items(path, {"fieldSelector": f"involvedObject.uid={metadata.uid}"})
        except RequestRefusedError:
            return []
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or ""))

    def log_of(self, trial: Trial) -> str:
        pod = self._newest_pod(trial)
        if pod is None:
            return ""
        name, namespace = pod["metadata"]["name"], trial.metadata.namespace
        return f"kubectl -n {namespace} logs {name} -c {_container(pod, trial)}"

    def log_tail(self, trial: Trial) -> str:
        pod = self._newest_pod(trial)
        if pod is None:
            return ""
        query = {"container": _container(pod, trial), "tailLines": str(TAIL_LINES)}
        path = f"{_pods(trial)}/{pod['metadata']['name']}/log"
        try:
            text = self._client.request("GET", path, query=query)
        except KatibError:
            # Its container never ran, its node is gone, or who looks may not.
            return ""
        return text[-TAIL_BYTES:].decode(errors="replace")

    def _newest_pod(self, trial: Trial) -> Manifest | None:
        query = {"labelSelector": f"{names.LABEL_TRIAL}={trial.metadata.name}"}
        try:
            found = self._items(_pods(trial), query)
        except (NotFoundError, RequestRefusedError):
            return None
        return max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)

    def _items(self, path: str, query: dict[str, str]) -> list[Manifest]:
        listed: Manifest = msgspec.json.decode(self._client.request("GET", path, query=query))
        items: list[Manifest] = listed.get("items") or []
        return items


def _pods(trial: Trial) -> str:
    return f"/api/v1/namespaces/{trial.metadata.namespace}/pods"


def _container(pod: Manifest, trial: Trial) -> str:
    """The one that prints what the program did."""
    annotations: Manifest = pod["metadata"].get("annotations") or {}
    return str(annotations.get(_DEFAULT_CONTAINER) or trial.spec.primary_container_name)
