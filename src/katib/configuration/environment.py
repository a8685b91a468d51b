"""The environment variables that stand beside the configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping

from katib.api.values import Value


class Environment(Value, frozen=True):
    """Where Katib's own parts are in a cluster.

    Attributes:
        core_namespace: of the configuration's ConfigMap and the certificate's Secret.
        suggestion_composer: which composer makes the Deployments of algorithms.
        db_manager_namespace: of the database manager's Service; may be empty.
        db_manager_host: the Service's name, or an IP address.
        db_manager_port: the Service's port.
    """

    core_namespace: str = "kubeflow"
    suggestion_composer: str = "General"
    db_manager_namespace: str = "kubeflow"
    db_manager_host: str = "katib-db-manager"
    db_manager_port: str = "6789"

    @property
    def db_manager_address(self) -> str:
        """Where the database manager answers, ``host:port``."""
        place = f".{self.db_manager_namespace}" if self.db_manager_namespace else ""
        return f"{self.db_manager_host}{place}:{self.db_manager_port}"


def read_variable(name: str, fallback: str, variables: Mapping[str, str] | None = None) -> str:
    """The variable's value, even an empty one, or ``fallback`` when it is not set."""
    return (os.environ if variables is None else variables).get(name, fallback)


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """What the variables say; those of this process, when none are given."""
    plain = Environment()
    core = read_variable("KATIB_CORE_NAMESPACE", plain.core_namespace, variables)
    return Environment(
        core_namespace=core,
        suggestion_composer=read_variable(
            "KATIB_SUGGESTION_COMPOSER", plain.suggestion_composer, variables
        ),
        db_manager_namespace=read_variable("KATIB_DB_MANAGER_SERVICE_NAMESPACE", core, variables),
        db_manager_host=read_variable(
            "KATIB_DB_MANAGER_SERVICE_IP", plain.db_manager_host, variables
        ),
        db_manager_port=read_variable(
            "KATIB_DB_MANAGER_SERVICE_PORT", plain.db_manager_port, variables
        ),
    )
