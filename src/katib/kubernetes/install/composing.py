"""All parts of an installation, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from katib.api.values import Manifest
from katib.kubernetes.crds import definitions
from katib.kubernetes.install.controller import controller
from katib.kubernetes.install.db_manager import db_manager
from katib.kubernetes.install.network import network_policies
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import LABEL_INJECTION, resource
from katib.kubernetes.install.roles import operator_roles, ui_roles, user_roles
from katib.kubernetes.install.ui import ui
from katib.kubernetes.install.webhooks import webhooks


def compose(options: InstallOptions) -> list[Manifest]:
    """Everything that is installed; raises as :func:`compose_parts`."""
    return [one for part in compose_parts(options).values() for one in part]


def compose_parts(options: InstallOptions) -> Mapping[str, Sequence[Manifest]]:
    """Part → its resources. A namespaced installation does not make its namespace.

    Raises:
        ConfigurationError: one of the trial resources is not written as ``Kind.version.group``.
    """
    is_wide = not options.is_namespaced
    return {
        "namespace": [_namespace(options)] if is_wide else [],
        "definitions": definitions() if options.has_crds else [],
        "user-roles": user_roles() if is_wide else [],
        "operator-roles": operator_roles(options),
        "db-manager": db_manager(options),
        "controller": controller(options),
        "ui": [*ui_roles(options), *ui(options)] if options.has_ui else [],
        "network-policies": network_policies(options),
        "webhooks": webhooks(options) if options.serves_webhooks else [],
    }


def _namespace(options: InstallOptions) -> Manifest:
    labels = {LABEL_INJECTION: "enabled"}
    return resource("v1", "Namespace", options.namespace, metadata={"labels": labels})
