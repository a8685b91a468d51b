"""What an API server of some version can do."""

from __future__ import annotations

import re

from katib.api.codec import typed
from katib.api.values import Value
from katib.kubernetes.client import KubernetesClient

#: From this minor version of 1 on, an init container may go on beside the others.
NATIVE_SIDECARS = 29


class Version(Value, frozen=True):
    """What the API server says of itself; the minor version may have a suffix, as ``20+``."""

    major: str = ""
    minor: str = ""


def has_native_sidecars(client: KubernetesClient) -> bool:
    """Whether the cluster has sidecar containers, which end when the pod's program does.

    Raises:
        StoreAwayError: the API server cannot be reached.
    """
    return knows_sidecars(typed(Version, client.request("GET", "/version")))


def knows_sidecars(version: Version) -> bool:
    """Whether a server of that version keeps ``restartPolicy`` of an init container."""
    major, minor = (int(_leading(text)) for text in (version.major, version.minor))
    return (major, minor) >= (1, NATIVE_SIDECARS)


def _leading(text: str) -> str:
    """The digits with which a text begins."""
    found = re.match(r"\d+", text)
    return found[0] if found else "0"
