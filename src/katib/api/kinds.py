"""All kinds that the engine keeps, by the names that documents and the command line use."""

from __future__ import annotations

from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Unstructured

JOBS = Kind("batch/v1", "Job", "jobs", Unstructured)
PODS = Kind("v1", "Pod", "pods", Unstructured)
EVENTS = Kind("v1", "Event", "events", Unstructured)
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", Unstructured)
SECRETS = Kind("v1", "Secret", "secrets", Unstructured)
SERVICES = Kind("v1", "Service", "services", Unstructured)
SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts", Unstructured)
PERSISTENT_VOLUME_CLAIMS = Kind(
    "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Unstructured
)
#: Belong to no namespace: their keys have an empty one.
PERSISTENT_VOLUMES = Kind("v1", "PersistentVolume", "persistentvolumes", Unstructured)
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", Unstructured)
ROLES = Kind("rbac.authorization.k8s.io/v1", "Role", "roles", Unstructured)
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", Unstructured)
TRAINER = "trainer.kubeflow.org/v1alpha1"
TRAIN_JOBS = Kind(TRAINER, "TrainJob", "trainjobs", Unstructured)
TRAINING_RUNTIMES = Kind(TRAINER, "TrainingRuntime", "trainingruntimes", Unstructured)
#: Belong to no namespace: their keys have an empty one.
CLUSTER_TRAINING_RUNTIMES = Kind(
    TRAINER, "ClusterTrainingRuntime", "clustertrainingruntimes", Unstructured
)
#: A Python function that is called on this machine; no cluster knows the kind.
FUNCTION_CALLS = Kind("katib.kubeflow.org/v1alpha1", "FunctionCall", "functioncalls", Unstructured)

KINDS: tuple[Kind[Any], ...] = (
    EXPERIMENTS,
    SUGGESTIONS,
    TRIALS,
    JOBS,
    PODS,
    EVENTS,
    CONFIG_MAPS,
    SECRETS,
    SERVICES,
    SERVICE_ACCOUNTS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    DEPLOYMENTS,
    ROLES,
    ROLE_BINDINGS,
    TRAIN_JOBS,
    TRAINING_RUNTIMES,
    CLUSTER_TRAINING_RUNTIMES,
    FUNCTION_CALLS,
)


_BY_ADDRESS = {kind.address: kind for kind in KINDS}


def kind_of(api_version: str, name: str) -> Kind[Any]:
    """The kind a document names; one that is not in the table is kept as it is written."""
    known = _BY_ADDRESS.get((api_version, name))
    return known or Kind(api_version, name, f"{name.lower()}s", Unstructured)
