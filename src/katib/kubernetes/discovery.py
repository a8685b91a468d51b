"""How the API server serves a kind: under which path, in namespaces or not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from katib.api.codec import typed
from katib.api.values import Kind, Value
from katib.errors import KindNotServedError, NotFoundError
from katib.kubernetes.client import KubernetesClient

#: A group and its version, or a version alone. Others would lead to other paths of the server: who
#: writes a template or an owner's reference must not choose what is asked for here.
_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[a-z0-9]+")

#: How many kinds that were not served are remembered.
REMEMBERED = 1_000

#: How long a kind that was not served is believed not to be, in seconds.
LOOK_AGAIN = 2.0


@dataclass(frozen=True, slots=True)
class Served:
    """How a kind is served.

    Attributes:
        root: of its group and version, as ``/apis/kubeflow.org/v1beta1``.
        plural: as in paths.
        is_namespaced: whether each resource is in a namespace.
        has_status: whether the status is written by a path of its own.
    """

    root: str
    plural: str
    is_namespaced: bool
    has_status: bool

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of a resource, of a part of it, or of all without a name.

        Args:
            namespace: ``None`` for all namespaces.
            name: empty for all.
            subresource: as ``status``.
        """
        place = f"namespaces/{quote(namespace, safe='')}" if namespace else ""
        parts = (place if self.is_namespaced else "", self.plural, quote(name, safe=""))
        return "/".join((self.root, *filter(None, (*parts, subresource))))


class _Entry(Value, frozen=True):
    """A line of the API's ``APIResourceList``."""

    name: str = ""
    kind: str = ""
    namespaced: bool = False


class _Entries(Value, frozen=True):
    """The API's ``APIResourceList``."""

    resources: tuple[_Entry, ...] = ()


class Discovery:
    """Asks how kinds are served, once for each group and version that has them.

    Args:
        client: whom it asks.
        monotonic: seconds, as :meth:`katib.ports.clock.Clock.monotonic`.
    """

    def __init__(
        self, client: KubernetesClient, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._monotonic = client, monotonic
        self._lock = threading.Lock()
        self._served: dict[tuple[str, str], Served] = {}
        self._missing: dict[tuple[str, str], float] = {}

    def find(self, kind: Kind[Any]) -> Served | None:
        """How the kind is served; ``None`` when it is not, or was not a moment ago.

        Raises:
            StoreAwayError: the API server cannot be reached.
        """
        with self._lock:
            found = self._served.get(kind.address)
            now = self._monotonic()
            if found is not None or now < self._missing.get(kind.address, now):
                return found
            self._ask(kind.api_version)
            if kind.address not in self._served:
                if len(self._missing) >= REMEMBERED:
                    self._missing.clear()
                self._missing[kind.address] = now + LOOK_AGAIN
            return self._served.get(kind.address)

    def get(self, kind: Kind[Any]) -> Served:
        """How the kind is served.

        Raises:
            KindNotServedError: it is not.
            StoreAwayError: the API server cannot be reached.
        """
        found = self.find(kind)
        if found is None:
            raise KindNotServedError(kind.api_version, kind.name)
        return found

    def forget(self, kind: Kind[Any]) -> None:
        """The kind may be served no more, or otherwise: ask again."""
        with self._lock:
            self._served.pop(kind.address, None)

    def _ask(self, api_version: str) -> None:
        if not _API_VERSION.fullmatch(api_version):
            return
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            entries = typed(_Entries, self._client.request("GET", root)).resources
        except NotFoundError:
            return
        with_status = {entry.name for entry in entries}
        for entry in entries:
            if "/" not in entry.name:
                self._served[(api_version, entry.kind)] = Served(
                    root, entry.name, entry.namespaced, f"{entry.name}/status" in with_status
                )
