"""What users are told of kinds that are not ours: the texts of ``kubectl explain``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: What kinds are that are not ours.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "Job": "A program that runs to its end: on this machine, the run of a trial.",
        "Pod": "Containers that run together: on this machine, a group of processes.",
        "Event": "Something that happened to a resource, told to people.",
        "ConfigMap": "Texts by name, that programs and templates read.",
        "Secret": "Texts by name that are not for everyone.",
        "Namespace": "A room for names: resources of a kind in different ones may be called alike.",
        "PersistentVolumeClaim": "A folder that outlives what writes into it.",
        "Service": "A name under which pods are reached.",
        "ServiceAccount": "On whose behalf a pod speaks with the server.",
        "Deployment": "Pods that are kept running.",
        "FunctionCall": "A call of a Python function, in a process of this machine.",
        "TrainJob": "A training of Kubeflow Trainer, on one node or on many.",
        "TrainingRuntime": "How training jobs of its namespace are run.",
        "ClusterTrainingRuntime": "How training jobs of any namespace are run.",
        "SelfSubjectAccessReview": "Asks whether one may do something.",
        "SelfSubjectRulesReview": "Asks what one may do.",
    }
)

#: The fields that kinds have which are not ours.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "spec": "What is wanted.",
        "status": "What became of it.",
        "data": "The texts by name; of a Secret, in base64.",
        "binaryData": "Bytes by name, in base64.",
        "stringData": "Texts by name, taken into `data` when written.",
        "immutable": "Whether the data can no longer be changed.",
        "secrets": "The secrets that pods of this account may use.",
        "imagePullSecrets": "The secrets with which images are fetched.",
        "automountServiceAccountToken": "Whether pods are given the account's token.",
        "involvedObject": "What the event is about.",
        "type": "What sort it is: of an Event, Normal or Warning.",
        "reason": "What happened, in one word for programs.",
        "message": "What happened, in a sentence for people.",
        "source": "Which program tells it.",
        "count": "How often it happened.",
        "firstTimestamp": "When it happened first.",
        "lastTimestamp": "When it happened last.",
    }
)
