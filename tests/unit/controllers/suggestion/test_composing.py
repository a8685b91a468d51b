from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from katib.api import codec, names
from katib.api.experiment import AlgorithmSpec
from katib.api.kinds import (
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    SERVICES,
)
from katib.api.suggestion import Suggestion, SuggestionSpec
from katib.api.values import Kind, Manifest, ObjectMeta, Strings, Unstructured
from katib.configuration import KatibConfig, read_config
from katib.configuration.lookups import find_early_stopping, find_suggestion
from katib.controllers.suggestion.composing import Parts, compose, early_stopping_name
from katib.errors import ConfigurationError, KatibError

PORT_ERROR = (
    'invalid suggestion config: a port with name "suggestion-api" or number 6789 must not be '
    "specified"
)
OWNER = {
    "apiVersion": "kubeflow.org/v1beta1",
    "kind": "Suggestion",
    "name": "mnist",
    "uid": "uid-of-mnist",
    "controller": True,
    "blockOwnerDeletion": True,
}
OWN = {"name": "mnist-tpe", "namespace": "team", "ownerReferences": [OWNER]}
POD_LABELS = {
    "color": "blue",
    "katib.kubeflow.org/deployment": "mnist-tpe",
    "katib.kubeflow.org/experiment": "mnist",
    "katib.kubeflow.org/suggestion": "mnist",
    "sidecar.istio.io/inject": "false",
}
RESOURCES = {
    "requests": {"cpu": "50m", "memory": "10Mi", "ephemeral-storage": "500Mi"},
    "limits": {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "5Gi"},
}


def a_suggestion(policy: str = names.NEVER, rule: str | None = None) -> Suggestion:
    metadata = ObjectMeta(
        name="mnist",
        namespace="team",
        uid="uid-of-mnist",
        labels=Strings({"color": "blue"}),
        annotations=Strings({"note": "mine"}),
    )
    spec = SuggestionSpec(
        algorithm=AlgorithmSpec(algorithm_name="tpe"),
        early_stopping=None if rule is None else AlgorithmSpec(algorithm_name=rule),
        resume_policy=policy,
    )
    return Suggestion(metadata=metadata, spec=spec)


def a_config(algorithm: Manifest, rule: Manifest | None = None) -> KatibConfig:
    runtime = {
        "suggestions": [{"algorithmName": "tpe", "image": "example/tpe", **algorithm}],
        "earlyStoppings": [{"algorithmName": "medianstop", **(rule or {"image": "example/stop"})}],
    }
    return read_config(codec.dump_yaml({"runtime": runtime}), "katib-config.yaml")


def some_parts(
    policy: str = names.NEVER, rule: str | None = None, probes: bool = True, **entry: Any
) -> Parts:
    """The parts of the suggestion ``mnist``; the other arguments are fields of its entry."""
    suggestion, config = a_suggestion(policy, rule), a_config(entry)
    stop = find_early_stopping(config, "medianstop") if early_stopping_name(suggestion) else None
    return Parts(suggestion, find_suggestion(config, "tpe"), stop, probes)


def find(parts: Parts, kind: Kind[Unstructured]) -> Manifest | None:
    found = [codec.to_manifest(one) for where, one in compose(parts) if where is kind]
    assert len(found) <= 1
    return found[0] if found else None


def get(parts: Parts, kind: Kind[Unstructured]) -> Manifest:
    found = find(parts, kind)
    assert found is not None
    return found


def deployment(parts: Parts) -> Manifest:
    return get(parts, DEPLOYMENTS)


def pod(parts: Parts) -> Manifest:
    found: Manifest = deployment(parts)["spec"]["template"]["spec"]
    return found


def container(parts: Parts) -> Manifest:
    found: Manifest = pod(parts)["containers"][0]
    return found


def kinds(parts: Parts) -> list[str]:
    return [one.kind for _, one in compose(parts)]


EVERYTHING: Manifest = {
    "policy": names.FROM_VOLUME,
    "rule": "medianstop",
    "persistentVolumeSpec": {"hostPath": {"path": "/data"}, "capacity": {"storage": "2Gi"}},
    "persistentVolumeLabels": {"type": "local"},
}


def everything(**entry: Any) -> Parts:
    return some_parts(**{**EVERYTHING, **entry})


def names_and_namespaces() -> object:
    ours = [one for kind, one in compose(everything()) if kind is not PERSISTENT_VOLUMES]
    return len(ours), {(one.metadata.namespace, one.metadata.name) for one in ours}


def owners() -> object:
    ours = [one for kind, one in compose(everything()) if kind is not PERSISTENT_VOLUMES]
    return [codec.to_manifest(one)["metadata"]["ownerReferences"] for one in ours]


def selector_and_labels() -> object:
    spec = deployment(some_parts())["spec"]
    return spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]


def labels_and_annotations() -> object:
    metadata = deployment(some_parts())["metadata"]
    return metadata["labels"], metadata["annotations"]


def mounts(**entry: Any) -> Callable[[], object]:
    return lambda: container(some_parts(names.FROM_VOLUME, **entry))["volumeMounts"]


def volume_and_mounts() -> object:
    parts = some_parts(names.LONG_RUNNING)
    return "volumes" in pod(parts), "volumeMounts" in container(parts)


def without_rule_name() -> object:
    parts = some_parts(rule="")
    return len(pod(parts)["containers"]), "serviceAccountName" in pod(parts), kinds(parts)


def pull_policies() -> object:
    config = a_config({"imagePullPolicy": "now"}, {"image": "x", "imagePullPolicy": "later"})
    suggestion = a_suggestion(rule="medianstop")
    parts = Parts(
        suggestion, find_suggestion(config, "tpe"), find_early_stopping(config, "medianstop")
    )
    return [one["imagePullPolicy"] for one in pod(parts)["containers"]]


def configured_storage() -> object:
    claim = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "5Gi"}},
    }
    volume = {"hostPath": {"path": "/data"}, "persistentVolumeReclaimPolicy": "Retain"}
    parts = everything(persistentVolumeClaimSpec=claim, persistentVolumeSpec=volume)
    stored = get(parts, PERSISTENT_VOLUME_CLAIMS)["spec"] == claim
    return stored, get(parts, PERSISTENT_VOLUMES)["spec"]


def configured_fields() -> object:
    fields: Manifest = {
        "command": ["python", "serve.py"],
        "args": ["--fast"],
        "env": [{"name": "SEED", "value": "1"}],
        "imagePullPolicy": "Always",
        "securityContext": {"runAsNonRoot": True},
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
            "limits": {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "2Gi", "gpu": "1"},
        },
    }
    found = container(some_parts(name="mine", **fields))
    return found["name"], {name: found.get(name) for name in fields} == fields


def probes_switched_off() -> object:
    found = container(some_parts(probes=False))
    return "readinessProbe" in found, "livenessProbe" in found


TCP = {"tcpSocket": {"port": 6789}}
HEALTH = {"port": 6789, "service": "manager.v1beta1.Suggestion"}
SERVICE_PORT = {"name": "suggestion-api", "port": 6789}
STOP_PORT = {"name": "earlystop-api", "port": 6788}
VOLUME = {"name": "suggestion-volume", "persistentVolumeClaim": {"claimName": "mnist-tpe"}}
MOUNT = {"name": "suggestion-volume", "mountPath": "/opt/katib/data"}


def beside_an_address() -> object:
    parts = some_parts(names.FROM_VOLUME, "medianstop", address="localhost:7000")
    found = [one["name"] for one in pod(parts)["containers"]]
    return kinds(parts), found, get(parts, SERVICES)["spec"]["ports"]


CASES: dict[str, tuple[Callable[[], object], object]] = {
    "Deployment, Service and claim are named `<suggestion>-<algorithm>` in the suggestion's "
    "namespace": (names_and_namespaces, (3, {("team", "mnist-tpe")})),
    "The Deployment carries the suggestion's labels and annotations": (
        labels_and_annotations,
        ({"color": "blue"}, {"note": "mine"}),
    ),
    "The Deployment leaves the number of replicas to Kubernetes, which makes one": (
        lambda: sorted(deployment(some_parts())["spec"]),
        ["selector", "template"],
    ),
    "The pod's labels and the selector are the suggestion's labels with deployment, experiment, "
    "suggestion and no mesh sidecar": (selector_and_labels, (POD_LABELS, POD_LABELS)),
    "The pod carries the suggestion's annotations": (
        lambda: deployment(some_parts())["spec"]["template"]["metadata"]["annotations"],
        {"note": "mine"},
    ),
    "A service account in the configuration is the pod's, with early stopping too": (
        lambda: pod(some_parts(rule="medianstop", serviceAccountName="ours"))["serviceAccountName"],
        "ours",
    ),
    "Without an account in the configuration the pod names none, with early stopping too": (
        lambda: "serviceAccountName" in pod(some_parts(rule="medianstop")),
        False,
    ),
    "An early stopping spec without a name counts as none": (
        without_rule_name,
        (1, False, ["Service", "Deployment"]),
    ),
    "With `FromVolume` the pod has the volume `suggestion-volume` of the claim "
    "`<suggestion>-<algorithm>`": (
        lambda: pod(some_parts(names.FROM_VOLUME))["volumes"],
        [VOLUME],
    ),
    "Without `FromVolume` the pod has no volume and the container no mount": (
        volume_and_mounts,
        (False, False),
    ),
    "Whatever belongs to the suggestion names it as controlling owner that waits for its parts": (
        owners,
        [[OWNER]] * 3,
    ),
    "The container is the configuration's, with every field that it names": (
        configured_fields,
        ("mine", True),
    ),
    "A container without a name is called `suggestion`": (
        lambda: container(some_parts())["name"],
        "suggestion",
    ),
    "The port `suggestion-api` 6789 comes after the ports of the configuration": (
        lambda: container(some_parts(ports=[{"containerPort": 9000}]))["ports"],
        [{"containerPort": 9000}, {"name": "suggestion-api", "containerPort": 6789}],
    ),
    "The readiness probe asks the gRPC health of the suggestion service after 10 seconds, every 10 "
    "seconds": (
        lambda: container(some_parts())["readinessProbe"],
        {"grpc": HEALTH, "initialDelaySeconds": 10, "periodSeconds": 10},
    ),
    "The liveness probe waits 10 seconds, asks every 120 and gives up after 12 failures": (
        lambda: container(some_parts())["livenessProbe"],
        {
            "grpc": HEALTH,
            "initialDelaySeconds": 10,
            "periodSeconds": 120,
            "failureThreshold": 12,
        },
    ),
    "A probe of the configuration is kept as it is": (
        lambda: container(some_parts(readinessProbe=TCP))["readinessProbe"],
        TCP,
    ),
    "Without probes in the controller's settings the container gets none": (
        probes_switched_off,
        (False, False),
    ),
    "The volume is mounted at `/opt/katib/data` when the configuration names no path": (
        mounts(),
        [MOUNT],
    ),
    "The volume is mounted at the `volumeMountPath` of the configuration": (
        mounts(volumeMountPath="/state"),
        [{"name": "suggestion-volume", "mountPath": "/state"}],
    ),
    "A configured mount of `suggestion-volume` is kept and no other is added": (
        mounts(volumeMounts=[{"name": "suggestion-volume", "mountPath": "/own"}]),
        [{"name": "suggestion-volume", "mountPath": "/own"}],
    ),
    "Configured mounts of other volumes stay before the one of `suggestion-volume`": (
        mounts(volumeMounts=[{"name": "cache", "mountPath": "/cache"}]),
        [{"name": "cache", "mountPath": "/cache"}, MOUNT],
    ),
    "The early stopping container has the configuration's image, pull policy and resources, the "
    "port `earlystop-api` 6788 and no probes": (
        lambda: pod(some_parts(rule="medianstop"))["containers"][1],
        {
            "name": "early-stopping",
            "image": "example/stop",
            "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "earlystop-api", "containerPort": 6788}],
            "resources": RESOURCES,
        },
    ),
    "A pull policy that does not exist becomes `IfNotPresent` on both containers": (
        pull_policies,
        ["IfNotPresent", "IfNotPresent"],
    ),
    "Without early stopping the algorithm's container is the only one": (
        lambda: [one["name"] for one in pod(some_parts())["containers"]],
        ["suggestion"],
    ),
    "The Service is of type ClusterIP, selects the pod's labels, opens `suggestion-api` 6789 and "
    "has no labels": (
        lambda: get(some_parts(), SERVICES),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": OWN,
            "spec": {"type": "ClusterIP", "selector": POD_LABELS, "ports": [SERVICE_PORT]},
        },
    ),
    "With early stopping the Service opens `earlystop-api` 6788 too": (
        lambda: get(some_parts(rule="medianstop"), SERVICES)["spec"]["ports"],
        [SERVICE_PORT, STOP_PORT],
    ),
    "Without a claim in the configuration it is ReadWriteOnce, 1Gi, of the default storage class": (
        lambda: get(some_parts(names.FROM_VOLUME), PERSISTENT_VOLUME_CLAIMS)["spec"],
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
    "Without a volume in the configuration only the claim is made": (
        lambda: kinds(some_parts(names.FROM_VOLUME)),
        ["PersistentVolumeClaim", "Service", "Deployment"],
    ),
    "A configured claim and volume are used, with the reclaim policy turned into `Delete`": (
        configured_storage,
        (True, {"hostPath": {"path": "/data"}, "persistentVolumeReclaimPolicy": "Delete"}),
    ),
    "The volume is named `<suggestion>-<algorithm>-<namespace>`, belongs to no namespace and no "
    "owner, and has the configured labels": (
        lambda: get(everything(), PERSISTENT_VOLUMES)["metadata"],
        {"name": "mnist-tpe-team", "labels": {"type": "local"}},
    ),
    "Nothing is created that gives rights": (
        lambda: kinds(everything()),
        ["PersistentVolume", "PersistentVolumeClaim", "Service", "Deployment"],
    ),
    "Beside an algorithm with an `address` its early stopping rule runs alone": (
        beside_an_address,
        (["Service", "Deployment"], ["early-stopping"], [STOP_PORT]),
    ),
}


@pytest.mark.parametrize(("found", "wanted"), CASES.values(), ids=CASES.keys())
def test_composing(found: Callable[[], object], wanted: object) -> None:
    assert found() == wanted


def test_a_suggestion_without_annotations_leaves_none() -> None:
    parts = some_parts()
    plain = replace(parts.suggestion.metadata, labels=None, annotations=None)
    bare = replace(parts, suggestion=replace(parts.suggestion, metadata=plain))
    found = deployment(bare)
    assert found["metadata"] == OWN
    assert list(found["spec"]["template"]["metadata"]) == ["labels"]


def test_composing_leaves_the_configuration_as_it_is() -> None:
    parts = some_parts(names.FROM_VOLUME, ports=[{"containerPort": 9000}], volumeMounts=[])
    assert compose(parts) == compose(parts)
    assert container(parts)["ports"] == [
        {"containerPort": 9000},
        {"name": "suggestion-api", "containerPort": 6789},
    ]


@pytest.mark.parametrize(
    "port",
    [{"name": "suggestion-api", "containerPort": 1}, {"name": "mine", "containerPort": 6789}],
    ids=[
        "A configured port named `suggestion-api` is an error",
        "A configured port with the number 6789 is an error",
    ],
)
def test_the_port_of_the_algorithm_is_taken(port: Manifest) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compose(some_parts(ports=[port]))
    assert str(caught.value) == PORT_ERROR


@pytest.mark.rule("Ports or mounts in the configuration that are no list of maps are an error")
@pytest.mark.parametrize("field", ["ports", "volumeMounts"])
@pytest.mark.parametrize("value", [[6789], {"containerPort": 6789}], ids=["a number", "a map"])
def test_lists_that_are_none(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} is .*6789.* must be a list of maps"):
        compose(some_parts(names.FROM_VOLUME, **{field: value}))


@pytest.mark.rule("A suggestion that was never stored can own nothing, which is an error")
def test_a_suggestion_without_uid() -> None:
    parts = some_parts()
    fresh = replace(parts.suggestion, metadata=replace(parts.suggestion.metadata, uid=""))
    with pytest.raises(KatibError, match="suggestion team/mnist: it has no uid"):
        compose(replace(parts, suggestion=fresh))
