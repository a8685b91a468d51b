"""Requests to a Kubernetes API server: bytes there, bytes back, errors of Katib's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient, Configuration

from katib.errors import StoreAwayError
from katib.kubernetes.answers import error_of
from katib.kubernetes.connecting import configure, keep_alive
from katib.kubernetes.pace import Bucket, Pace
from katib.kubernetes.watch import Watch

#: How long a connection and an answer may take, in seconds.
CONNECT_WITHIN, ANSWER_WITHIN = 5.0, 60.0

#: How long the server is asked to keep a watch, in seconds; and how much longer one without a word
#: is believed to live. A connection that is dead is found by the probes of its socket before.
WATCH_FOR, WATCH_GRACE = 290, 20.0

#: How often a request is sent that a busy server puts off, and how long it waits if it is not told.
ATTEMPTS, BUSY_SECONDS = 10, 1.0

#: How many connections are kept.
CONNECTIONS = 32

Query = Mapping[str, str]


def _no_call(method: str, path: str) -> None:
    """Nobody listens."""


class KubernetesClient:
    """Speaks to one API server. May be used by any thread.

    Attributes:
        namespace: of the kubeconfig's context, or of the pod.
        on_call: called with the method and the path of every request that is sent, before it is;
            for those who count them. The method of a watch is ``WATCH``.

    Args:
        configuration: address, certificates and credentials, as the ``kubernetes`` library has
            them.
        namespace: see above.
        pace: how often the server may be called. Watches do not count.
        monotonic: seconds, as :meth:`katib.ports.clock.Clock.monotonic`.
    """

    def __init__(
        self,
        configuration: Configuration,
        namespace: str,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.namespace = namespace
        self.on_call: Callable[[str, str], None] = _no_call
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.socket_options = keep_alive()
        self._configuration, self._host = configuration, configuration.host.rstrip("/")
        self._pool: urllib3.PoolManager = ApiClient(configuration).rest_client.pool_manager
        self._bucket = Bucket(pace or Pace(), monotonic)
        self._agent = f"katib/{version('katib')}"
        self._closed = threading.Event()
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()

    @classmethod
    def connect(
        cls, kubeconfig: Path | None = None, context: str = "", pace: Pace | None = None
    ) -> KubernetesClient:
        """A client of the cluster that a kubeconfig names, or of the one that this pod is in.

        Args:
            kubeconfig: the file; ``None`` for the pod's own, else ``KUBECONFIG`` or
                ``~/.kube/config``.
            context: of the file; empty for its current one.
            pace: how often the server may be called.

        Raises:
            ConfigurationError: there is no such file or context, or it lacks what is needed.
        """
        configuration, namespace = configure(kubeconfig, context)
        return cls(configuration, namespace, pace)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The body of the answer to one request; a busy server is asked again when it says.

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
            path: as ``/api/v1/namespaces/default/pods``.
            query: what follows the question mark.
            body: what is sent.
            content_type: of the body.

        Raises:
            NotFoundError: there is none of that name, or the server knows no such path.
            AlreadyExistsError: the name is taken.
            ConflictError: the resource was written since it was read.
            ExpiredError: a version or a list's continuation is no longer kept.
            RequestRefusedError: the server refuses; the text says why.
            StoreAwayError: the server cannot be reached, or is too busy. Whether the request took
                effect is not known then.
        """
        timeout = urllib3.Timeout(connect=CONNECT_WITHIN, read=ANSWER_WITHIN)
        headers = {"Content-Type": content_type}
        for attempt in range(1, ATTEMPTS + 1):
            self._wait(self._bucket.take(), path)
            self.on_call(method, path)
            response = self._send(method, path, query, timeout, headers=headers, body=body)
            if response.status != 429 or attempt == ATTEMPTS:
                break
            self._wait(_retry_after(response), path)
        if response.status >= 400:
            raise error_of(response.status, response.data, method, path)
        return response.data

    def watch(self, path: str, query: Query | None = None) -> Watch:
        """Changes from now on, one JSON line each, until the server ends the watch.

        Args:
            path: of a list, or of one resource.
            query: as ``resourceVersion`` and ``labelSelector``; ``watch`` is added.

        Raises:
            ExpiredError: the version is no longer kept. Later, the server tells it in a line.
            StoreAwayError: the server cannot be reached.
        """
        asked = {"timeoutSeconds": str(WATCH_FOR), **(query or {}), "watch": "true"}
        silence = float(asked["timeoutSeconds"]) + WATCH_GRACE
        timeout = urllib3.Timeout(connect=CONNECT_WITHIN, read=silence)
        self.on_call("WATCH", path)
        response = self._send("GET", path, asked, timeout, preload_content=False)
        if response.status >= 400:
            body = response.data
            response.release_conn()
            raise error_of(response.status, body, "GET", path)
        watch = Watch(response, path, self._forget)
        with self._lock:
            self._watches.add(watch)
        if self._closed.is_set():
            watch.close()
        return watch

    def close(self) -> None:
        """End all watches and whatever waits; nothing can be asked afterwards."""
        self._closed.set()
        with self._lock:
            watches = tuple(self._watches)
        for watch in watches:
            watch.close()
        self._pool.clear()

    def _forget(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _send(
        self, method: str, path: str, query: Query | None, timeout: urllib3.Timeout, **how: Any
    ) -> urllib3.BaseHTTPResponse:
        if self._closed.is_set():
            raise StoreAwayError(path, "this client is closed")
        headers = {
            "Accept": "application/json",
            "User-Agent": self._agent,
            **how.pop("headers", {}),
            **self._credentials(),
        }
        url = f"{self._host}{path}?{urlencode(query)}" if query else f"{self._host}{path}"
        try:
            return self._pool.request(
                method, url, headers=headers, timeout=timeout, retries=False, redirect=False, **how
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreAwayError(path, str(error)) from error

    def _credentials(self) -> Mapping[str, str]:
        found: Mapping[str, Any] = self._configuration.auth_settings()
        return {one["key"]: one["value"] for one in found.values() if one["value"]}

    def _wait(self, seconds: float, path: str) -> None:
        if seconds > 0 and self._closed.wait(seconds):
            raise StoreAwayError(path, "this client is closed")


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """How long a busy server asks to be left alone, in seconds."""
    try:
        return float(response.headers.get("Retry-After", BUSY_SECONDS))
    except ValueError:
        return BUSY_SECONDS
