"""Where the API server is and who asks it: a kubeconfig, or the account of a pod."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import Configuration
from urllib3.connection import HTTPConnection

from katib.errors import ConfigurationError

#: Where a pod finds the name of its namespace.
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

#: A connection without a word is probed after so many seconds, so often, and given up after so
#: many probes.
PROBE_AFTER, PROBE_EVERY, PROBES = 30, 10, 3

#: The functions of the library have no types.
_LIBRARY: Any = config

SocketOption = tuple[int, int, int | bytes]


def keep_alive() -> list[SocketOption]:
    """Options of a socket by which a connection whose other end is gone is noticed."""
    wanted = {"TCP_KEEPIDLE": PROBE_AFTER, "TCP_KEEPINTVL": PROBE_EVERY, "TCP_KEEPCNT": PROBES}
    probes = [
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in wanted.items()
        # Not every platform can set them.
        if hasattr(socket, name)
    ]
    standard = HTTPConnection.default_socket_options
    return [*standard, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *probes]


def configure(kubeconfig: Path | None, context: str) -> tuple[Configuration, str]:
    """Address and credentials, and the namespace that goes with them.

    Args:
        kubeconfig: the file; ``None`` for this pod's account, else for ``KUBECONFIG`` or
            ``~/.kube/config``.
        context: of the file; empty for its current one.

    Raises:
        ConfigurationError: there is no such file or context, or it lacks what is needed.
    """
    configuration = Configuration()
    is_in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and POD_NAMESPACE.exists()
    try:
        if kubeconfig is None and not context and is_in_pod:
            _LIBRARY.load_incluster_config(configuration)
            return configuration, POD_NAMESPACE.read_text().strip()
        # The library has read the variable when it was loaded; it may say something else by now.
        file = str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG") or None
        if kubeconfig is not None and not kubeconfig.exists():
            raise FileNotFoundError("there is no such file")
        _LIBRARY.load_kube_config(
            file, context or None, client_configuration=configuration, persist_config=False
        )
        contexts, current = _LIBRARY.list_kube_config_contexts(file)
        chosen = next((one for one in contexts if one["name"] == context), current)
        return configuration, chosen["context"].get("namespace") or "default"
    except (config.ConfigException, OSError) as error:
        raise _unusable(kubeconfig, str(error)) from error
    except Exception as error:
        # The library does not look at a file before it reads it, and fails as it happens to.
        words = " ".join(str(error).split())
        problem = f"it is no kubeconfig ({type(error).__name__}: {words})"
        raise _unusable(kubeconfig, problem) from error


def _unusable(kubeconfig: Path | None, problem: str) -> ConfigurationError:
    place = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    return ConfigurationError(
        f"no cluster is found in {place}: {problem}; name a kubeconfig with --kubeconfig or "
        "KUBECONFIG, and one of its contexts"
    )
