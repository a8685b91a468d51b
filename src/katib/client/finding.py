"""Finds the engine that a program means: a cluster's, a server's, or its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from katib.client.backend import Backend
from katib.client.cluster import (
    ClientConfiguration,
    configured_access,
    find_pod_access,
    kubeconfig_access,
)
from katib.client.http import HttpBackend
from katib.errors import ConfigurationError
from katib.registry import Registry


class HomeOpener(Protocol):
    """How a program comes to the engine of a home."""

    @staticmethod
    def open(home: Path | None) -> Backend:
        """A backend that asks the server of a home, or starts an engine when there is none.

        Args:
            home: its folder; ``None`` for ``$KATIB_HOME``, else the user's own.
        """
        ...

    @staticmethod
    def find_home(kubeconfig: Path) -> Path | None:
        """The home whose kubeconfig this is; ``None`` when it is another one."""
        ...


#: What only a home has lies above this room, and is loaded when a home is meant.
HOMES: Registry[HomeOpener] = Registry(
    "home", "katib.homes", {"one-machine": "katib.apps.program:Program"}
)


def find_backend(
    config_file: str | None = None,
    context: str | None = None,
    client_configuration: ClientConfiguration | None = None,
    home: Path | str | None = None,
) -> Backend:
    """The engine that a program means, the first of these:

    1. what it says: ``client_configuration``; ``home``; ``config_file`` or ``context``;
    2. the kubeconfig that ``$KUBECONFIG`` names;
    3. the cluster in whose pod it runs;
    4. the server that works in the home ``$KATIB_HOME``, else in the user's own;
    5. an engine of its own in that home, which lives as long as the program.

    An engine of the program's own starts with the first request; nothing is asked before.

    Args:
        config_file: a kubeconfig.
        context: of a kubeconfig.
        client_configuration: an object of the official Kubernetes client.
        home: the folder of an engine on this machine.

    Raises:
        ConfigurationError: more than one of these is said, or what is said cannot be used.
    """
    is_kubeconfig = config_file is not None or context is not None
    if [client_configuration is not None, home is not None, is_kubeconfig].count(True) > 1:
        raise ConfigurationError(
            "client_configuration, home, and config_file with context are three ways to name an "
            "engine; give one of them"
        )
    if client_configuration is not None:
        return HttpBackend(configured_access(client_configuration))
    if home is not None:
        return _homes().open(Path(home).expanduser())
    named = config_file or os.environ.get("KUBECONFIG")
    if context is None and named and (found := _homes().find_home(Path(named).expanduser())):
        return _homes().open(found)
    if is_kubeconfig or named:
        return HttpBackend(kubeconfig_access(config_file, context))
    if (pod := find_pod_access(os.environ)) is not None:
        return HttpBackend(pod)
    return _homes().open(None)


def _homes() -> type[HomeOpener]:
    return HOMES.load("one-machine")
