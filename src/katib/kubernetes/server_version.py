"""How new an API server is, where that makes a difference."""

from __future__ import annotations

import re

from katib.api.codec import typed
from katib.api.values import Value
from katib.kubernetes.client import KubernetesClient

#: Since then an init container may go on beside the others, unless somebody has turned that off.
NATIVE_SIDECARS = (1, 29)


class _Version(Value, frozen=True):
    major: str = ""
    minor: str = ""


def has_native_sidecars(client: KubernetesClient) -> bool:
    """Whether an init container with the restart policy ``Always`` runs beside the others.

    Raises:
        StoreAwayError: the API server cannot be reached.
    """
    found = typed(_Version, client.request("GET", "/version"))
    return (_number(found.major), _number(found.minor)) >= NATIVE_SIDECARS


def _number(text: str) -> int:
    """The number at the beginning: providers write ``29+``."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 0
