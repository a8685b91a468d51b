"""Every right that the operator has is used, and every call that it makes is allowed."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from experiments import Experiments, an_experiment
from installing import act_as_operator, apply
from kubelet import Kubelet
from processes import IMAGE, a_db_manager, a_free_port, wait_for

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.apps.operating import Operator, Options
from katib.apps.operator import DBManager
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions
from katib.kubernetes.pace import Pace
from katib.kubernetes.rights import rights

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl"),
]

CORE = InstallOptions(namespace="katib-used", has_crds=False, trial_resources=("Job.v1.batch",))

#: An algorithm that ships as an image, whose volume nothing makes by itself.
CUSTOM = {
    "algorithmName": "custom",
    "image": "localhost/custom:1",
    "persistentVolumeSpec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/nowhere"},
        "storageClassName": "none",
    },
    "persistentVolumeClaimSpec": {"storageClassName": "none"},
}

_PATH = re.compile(
    r"/(?:api/(?P<core>v\d\w*)|apis/(?P<group>[^/]+)/v\d\w*)"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<below>\w+))?"
)
_VERBS = {
    "WATCH": "watch",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


class Used(NamedTuple):
    """A right in use."""

    verb: str
    group: str
    resource: str


#: Rights that no call here can use, and why they are needed all the same.
ELSEWHERE = {
    Used("update", "kubeflow.org", "experiments/finalizers"): "asked for by OpenShift's API server",
    Used("update", "kubeflow.org", "suggestions/finalizers"): "asked for by OpenShift's API server",
    Used("update", "kubeflow.org", "trials/finalizers"): "asked for by OpenShift's API server",
    Used("list", "", "pods"): "asked of trials that run for half a minute",
    Used("patch", "", "events"): "an event that is told again is counted up after a minute",
    Used("get", "jobset.x-k8s.io", "jobsets"): "there are no TrainJobs here",
}


def used_by(method: str, path: str) -> Used | None:
    """The right that a call needs; none for what everybody may ask."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    below = f"/{found['below']}" if found["below"] else ""
    verb = _VERBS.get(method, "get" if found["name"] else "list")
    return Used(verb, found["group"] or "", f"{found['plural']}{below}")


@pytest.mark.parametrize(
    ("method", "path", "used"),
    [
        ("GET", "/version", None),
        ("GET", "/apis/batch/v1", None),
        ("GET", "/api/v1/namespaces/a/configmaps/b", Used("get", "", "configmaps")),
        ("GET", "/apis/batch/v1/jobs", Used("list", "batch", "jobs")),
        ("WATCH", "/api/v1/namespaces/a/services", Used("watch", "", "services")),
        (
            "PATCH",
            "/apis/kubeflow.org/v1beta1/namespaces/a/trials/b/status",
            Used("patch", "kubeflow.org", "trials/status"),
        ),
        ("POST", "/api/v1/persistentvolumes", Used("create", "", "persistentvolumes")),
    ],
)
def test_what_a_call_needs(method: str, path: str, used: Used | None) -> None:
    assert used_by(method, path) == used


class Recorded:
    """An operator that works with its own rights, and what it uses of them."""

    def __init__(self, kubeconfig: Path, config: Path, db_manager: str) -> None:
        self.used: set[Used] = set()
        client = KubernetesClient.connect(kubeconfig, pace=Pace(per_second=1_000, burst=1_000))
        client.on_call = self._record
        options = Options(DBManager(db_manager), CORE.namespace, None, config, IMAGE, "127.0.0.1:0")
        self.operator = Operator(client, options)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self.operator.run, args=(self._started.set,))
        self._thread.start()

    def wait(self) -> None:
        assert self._started.wait(60), "the operator does not begin"

    def _record(self, method: str, path: str) -> None:
        used = used_by(method, path)
        if used is not None:
            self.used.add(used)

    def close(self) -> None:
        self.operator.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def recorded(
    administrator: KubernetesClient, kubeconfig: Path, tmp_path: Path
) -> Iterator[tuple[Recorded, str]]:
    """An installed operator that has begun, and where its database manager is."""
    apply(kubeconfig, CORE)
    manager, address = a_db_manager(tmp_path)
    manager.start()
    config = tmp_path / "config.yaml"
    controller = {
        "healthzAddr": "127.0.0.1:0",
        "metricsAddr": "127.0.0.1:0",
        "webhookPort": a_free_port(),
        "enableLeaderElection": True,
    }
    init = {"controller": controller, "certGenerator": {"enable": True}}
    config.write_text(dump_yaml({"init": init, "runtime": {"suggestions": [CUSTOM]}}))
    own = act_as_operator(administrator, kubeconfig, CORE.namespace, tmp_path)
    operator = Recorded(own, config, address)
    try:
        operator.wait()
        yield operator, address
    finally:
        operator.close()
        manager.close()
        apply(kubeconfig, CORE, "delete")


def forget_webhooks(client: KubernetesClient) -> None:
    """Nobody answers them here: there is no node."""
    for kind in ("validating", "mutating"):
        root = "/apis/admissionregistration.k8s.io/v1"
        client.request("DELETE", f"{root}/{kind}webhookconfigurations/katib.kubeflow.org")
    # The API server hears of it a little later.
    time.sleep(2)


def from_config_map(client: KubernetesClient, namespace: str, manifest: Manifest) -> Manifest:
    """The experiment with its template in a ConfigMap."""
    template = manifest["spec"]["trialTemplate"]
    data = {"template": dump_yaml(template.pop("trialSpec"))}
    body = msgspec.json.encode({"metadata": {"name": "templates"}, "data": data})
    client.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=body)
    template["configMap"] = {
        "configMapName": "templates",
        "configMapNamespace": namespace,
        "templatePath": "template",
    }
    conditions = 'status.conditions.#(type=="{}")#|#(status=="True")#'
    template["successCondition"] = conditions.format("Complete")
    template["failureCondition"] = conditions.format("Failed")
    return manifest


def use_custom_algorithm(experiments: Experiments, client: KubernetesClient) -> None:
    """Let an algorithm be deployed, and its suggestion end before it has answered."""
    algorithm = {"algorithmName": "custom"}
    experiments.create(an_experiment("custom", algorithm=algorithm, resumePolicy="FromVolume"))
    path = f"/apis/apps/v1/namespaces/{experiments.namespace}/deployments"
    wait_for(lambda: b"custom-custom" in client.request("GET", path), "there is a Deployment", 60)
    condition = {"type": "Succeeded", "status": "True", "reason": "Test"}
    experiments.patch("suggestions", "custom/status", {"status": {"conditions": [condition]}})
    wait_for(lambda: b"custom-custom" not in client.request("GET", path), "it is gone", 60)
    client.request("DELETE", f"/api/v1/persistentvolumes/custom-custom-{experiments.namespace}")


def test_every_right_is_used_and_no_other_is_needed(
    recorded: tuple[Recorded, str], client: KubernetesClient, namespace: str
) -> None:
    operator, address = recorded
    experiments = Experiments(client, namespace)
    forget_webhooks(client)
    kubelet = Kubelet(client, namespace, address)
    try:
        # Once three run, one is enough: two are deleted.
        kubelet.run_pod = lambda trial: time.sleep(3)
        experiments.create(from_config_map(client, namespace, an_experiment("tuned", 6)))
        wait_for(lambda: len(experiments.list("trials")) == 3, "three trials run")
        experiments.patch("experiments", "tuned", {"spec": {"parallelTrialCount": 1}})
        use_custom_algorithm(experiments, client)
        wait_for(lambda: bool(experiments.ended()), "the experiment is over")
        experiments.delete("experiments", "tuned")
        wait_for(lambda: experiments.find("experiments", "tuned") is None, "it is gone")
    finally:
        kubelet.close()
    allowed = {
        Used(verb, right.group, resource)
        for right in rights(CORE.trial_resources)
        for verb in right.verbs
        for resource in right.resources
    }
    assert sorted(operator.used - allowed) == []
    # Who may list may get: that is asked for when a copy has not yet heard of what there is.
    implied = {one._replace(verb="get") for one in operator.used if one.verb == "list"}
    assert sorted(allowed - operator.used - implied - ELSEWHERE.keys()) == []
