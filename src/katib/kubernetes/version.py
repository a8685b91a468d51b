"""What an API server of some version can do."""

from __future__ import annotations

import re

from katib.api.codec import typed
from katib.api.values import Value
from katib.kubernetes.client import KubernetesClient

#: From this minor version of 1 on, an init container may go on beside the others.
NATIVE_SIDECARS = 29

#: From this one on, a container's health may be asked by gRPC.
GRPC_PROBES = 24


class Version(Value, frozen=True):
    """What the API server says of itself; the minor version may have a suffix, as ``20+``."""

    major: str = ""
    minor: str = ""


def has_native_sidecars(client: KubernetesClient) -> bool:
    """Whether the cluster has sidecar containers, which end when the pod's program does.

    Raises:
        StoreAwayError: the API server cannot be reached.
    """
    return knows_sidecars(_ask(client))


def has_grpc_probes(client: KubernetesClient) -> bool:
    """Whether the cluster asks containers for their health by gRPC.

    Raises:
        StoreAwayError: the API server cannot be reached.
    """
    return knows_grpc_probes(_ask(client))


def knows_sidecars(version: Version) -> bool:
    """Whether a server of that version keeps ``restartPolicy`` of an init container."""
    return _is_since(version, NATIVE_SIDECARS)


def knows_grpc_probes(version: Version) -> bool:
    """Whether a server of that version keeps ``grpc`` of a probe; others refuse the pod."""
    return _is_since(version, GRPC_PROBES)


def _ask(client: KubernetesClient) -> Version:
    return typed(Version, client.request("GET", "/version"))


def _is_since(version: Version, minor_version: int) -> bool:
    major, minor = (int(_leading(text)) for text in (version.major, version.minor))
    return (major, minor) >= (1, minor_version)


def _leading(text: str) -> str:
    """The digits with which a text begins."""
    found = re.match(r"\d+", text)
    return found[0] if found else "0"
