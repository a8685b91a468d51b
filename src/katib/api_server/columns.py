"""The columns of ``kubectl get``, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from katib.api import kinds
from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import TRAIN_JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest
from katib.api_server import core_cells as core
from katib.api_server import pod_cells
from katib.api_server.cells import NONE, UNSET, Cell, age, at, moment
from katib.api_server.core_cells import Read, count_at, sizes_at, string_at, text_at
from katib.api_server.resources import NAMESPACES


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, and what stands below it for a resource at a time.

    Attributes:
        name: the head; kubectl writes it in capitals.
        description: what it means.
        read: the cell of a resource.
        type: of its cells, in the words of OpenAPI; ``date`` for what was a time.
        format: says more of the type; ``name`` marks the column of names.
        is_wide: shown only when more is asked for, with ``-o wide``.
    """

    name: str
    description: str
    read: Read
    type: str = "string"
    format: str = ""
    is_wide: bool = False


def columns_of(kind: Kind[Any]) -> Sequence[Column]:
    """The columns of a kind; the name and the age for one that has no others."""
    return _COLUMNS.get(kind.address, (_NAME, _DATE))


def _age(resource: Manifest, now: datetime) -> Cell:
    return age(moment(at(resource, "metadata", "creationTimestamp")), now)


_NAME_OF = text_at("metadata", "name")
_NAME = Column("Name", "The name, unique among resources of the kind.", _NAME_OF, format="name")
_AGE = Column("Age", "How long ago the resource was created.", _age)
#: As Kubernetes has it for kinds that are not its own.
_DATE = Column("Age", "How long ago the resource was created.", _age, "date")


_TYPE = Column("Type", "The newest condition.", core.state)
_STATUS = Column("Status", "Whether the newest condition holds.", core.condition_status)


_OF_TEMPLATE = (
    Column("Containers", "The names of the containers.", core.containers, is_wide=True),
    Column("Images", "The images of the containers.", core.images, is_wide=True),
    Column("Selector", "The labels of its pods.", core.selected, is_wide=True),
)

_OF_KATIB = (_NAME, _TYPE, _STATUS, _DATE)

_FIRST = ("firstTimestamp", "eventTime")

_OF_EVENT = (
    Column("Last Seen", "When it happened last.", core.age_at("lastTimestamp", *_FIRST)),
    Column("Type", "Normal or Warning.", text_at("type")),
    Column("Reason", "What happened, in one word.", text_at("reason")),
    Column("Object", "What it happened to.", core.involved),
    Column("Subobject", "To which part.", text_at("involvedObject", "fieldPath"), is_wide=True),
    Column("Source", "Which program told it.", core.source, is_wide=True),
    Column("Message", "What happened.", core.message),
    Column("First Seen", "When it happened first.", core.age_at(*_FIRST), is_wide=True),
    Column("Count", "How often it happened.", core.repeated, "integer", is_wide=True),
    Column("Name", "The event's name.", _NAME_OF, format="name", is_wide=True),
)

_OF_CLAIM = (
    _NAME,
    Column("Status", "Whether there is a volume for it.", core.phase),
    Column("Volume", "The volume's name.", text_at("spec", "volumeName")),
    Column("Capacity", "The volume's size.", text_at("status", "capacity", "storage")),
    Column("Access Modes", "How it may be used.", core.access_modes),
    Column("StorageClass", "What sort of volume it is.", text_at("spec", "storageClassName")),
    Column(
        "VolumeAttributesClass",
        "What else is asked of the volume.",
        text_at("spec", "volumeAttributesClassName", default=UNSET),
    ),
    _AGE,
    Column(
        "VolumeMode",
        "Whether it is a folder or a device.",
        text_at("spec", "volumeMode", default=UNSET),
        is_wide=True,
    ),
)

_OF_SERVICE = (
    _NAME,
    Column("Type", "How it is reached.", text_at("spec", "type", default="ClusterIP")),
    Column("Cluster-IP", "Its address inside.", text_at("spec", "clusterIP", default=NONE)),
    Column("External-IP", "Its addresses outside.", core.external_ip),
    Column("Port(s)", "Its ports.", core.ports),
    _AGE,
    Column("Selector", "The labels of its pods.", core.service_selector, is_wide=True),
)

_OF_POD = (
    _NAME,
    Column("Ready", "How many of its containers are ready.", pod_cells.ready),
    Column("Status", "How the pod stands.", pod_cells.status),
    Column("Restarts", "How often its containers were restarted.", pod_cells.restarts),
    _AGE,
    Column("IP", "Its address.", text_at("status", "podIP", default=NONE), is_wide=True),
    Column("Node", "Where it runs.", text_at("spec", "nodeName", default=NONE), is_wide=True),
    Column(
        "Nominated Node",
        "Where room is made for it.",
        text_at("status", "nominatedNodeName", default=NONE),
        is_wide=True,
    ),
    Column(
        "Readiness Gates",
        "How many conditions that others set hold, of how many it waits for.",
        pod_cells.readiness_gates,
        is_wide=True,
    ),
)

_OF_JOB = (
    _NAME,
    Column("Status", "How the job stands.", core.job_status),
    Column("Completions", "How many of its pods succeeded, and have to.", core.completions),
    Column("Duration", "How long it took, or has taken so far.", core.job_duration),
    _AGE,
    *_OF_TEMPLATE,
)

_OF_DEPLOYMENT = (
    _NAME,
    Column("Ready", "How many of its pods are ready, and have to be.", core.replicas),
    Column(
        "Up-to-date",
        "How many pods are as they are wanted now.",
        count_at("status", "updatedReplicas"),
        "integer",
    ),
    Column(
        "Available",
        "How many pods have been ready for long enough.",
        count_at("status", "availableReplicas"),
        "integer",
    ),
    _AGE,
    *_OF_TEMPLATE,
)

_OF_SUGGESTION = (
    _NAME,
    _TYPE,
    _STATUS,
    Column("Requested", "How many assignments are wanted in all.", string_at("spec", "requests")),
    Column("Assigned", "How many assignments were given.", string_at("status", "suggestionCount")),
    _DATE,
)

_OF_SECRET = (
    _NAME,
    Column("Type", "What sort of secret it is.", text_at("type", default="Opaque")),
    Column("Data", "How many texts it has.", sizes_at("data"), "integer"),
    _AGE,
)

_ENTRIES = sizes_at("data", "binaryData")
_OF_CONFIG_MAP = (_NAME, Column("Data", "How many texts it has.", _ENTRIES, "integer"), _AGE)

_COLUMNS: Mapping[tuple[str, str], Sequence[Column]] = MappingProxyType(
    {
        EXPERIMENTS.address: _OF_KATIB,
        SUGGESTIONS.address: _OF_SUGGESTION,
        TRIALS.address: _OF_KATIB,
        TRAIN_JOBS.address: (_NAME, Column("State", "The newest condition.", core.state), _DATE),
        kinds.FUNCTION_CALLS.address: (
            _NAME,
            Column("State", "The newest condition.", core.state),
            _DATE,
        ),
        kinds.JOBS.address: _OF_JOB,
        kinds.PODS.address: _OF_POD,
        kinds.EVENTS.address: _OF_EVENT,
        kinds.SECRETS.address: _OF_SECRET,
        kinds.SERVICES.address: _OF_SERVICE,
        kinds.DEPLOYMENTS.address: _OF_DEPLOYMENT,
        kinds.PERSISTENT_VOLUME_CLAIMS.address: _OF_CLAIM,
        kinds.CONFIG_MAPS.address: _OF_CONFIG_MAP,
        kinds.SERVICE_ACCOUNTS.address: (
            _NAME,
            Column("Secrets", "How many secrets it has.", sizes_at("secrets"), "integer"),
            _AGE,
        ),
        NAMESPACES.address: (_NAME, Column("Status", "How it stands.", core.phase), _AGE),
    }
)
