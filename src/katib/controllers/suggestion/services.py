"""Sees to it that an algorithm that ships as an image runs, and goes when it is done."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.kinds import DEPLOYMENTS, SERVICES
from katib.api.suggestion import Suggestion
from katib.api.values import Kind, Unstructured
from katib.configuration import KatibConfig
from katib.configuration.lookups import find_early_stopping, find_suggestion
from katib.configuration.one_machine import algorithm_address
from katib.configuration.one_machine import early_stopping_address as rule_address
from katib.controllers.suggestion.composing import (
    EARLY_STOPPING_PORT,
    SUGGESTION_PORT,
    Parts,
    algorithm_name,
    compose,
    early_stopping_name,
    services_key,
)
from katib.errors import AlreadyExistsError, NotFoundError
from katib.ports.resource_store import ResourceStore


class AlgorithmServices:
    """The Deployments of algorithms, and what they need beside them.

    What exists is left as it is: it is never updated, and nobody asks whose it is. So an operator
    may mend a Deployment by hand, and a changed configuration concerns new experiments only.

    Args:
        store: where the resources are.
        read_config: reads the configuration anew at each use, so that edits need no restart.
        has_probes: whether algorithms' containers get gRPC health probes
            (``enableGRPCProbeInSuggestion``).
    """

    def __init__(
        self, store: ResourceStore, read_config: Callable[[], KatibConfig], has_probes: bool = True
    ) -> None:
        self._store, self._read_config, self._has_probes = store, read_config, has_probes

    def ensure(self, suggestion: Suggestion) -> bool:
        """Create what is missing; whether the algorithm can be asked now.

        The order is volume, claim, Service, account with its rights, Deployment. The first that
        cannot be created ends it, so that nothing comes to be without what it needs.

        Raises:
            ConfigurationError: the configuration has no entry for the algorithm or its early
                stopping rule, or one that cannot be used.
            KatibError: the store refuses; the next call goes on where this one ended.
        """
        found = [self._find_or_create(*one) for one in compose(self._parts(suggestion))]
        return not found or is_available(found[-1])

    def remove(self, suggestion: Suggestion) -> None:
        """Delete the Deployment and the Service, if they exist.

        The volume, its claim and the account stay until the suggestion itself is deleted: an
        experiment that is restarted finds its state again.
        """
        for kind in (DEPLOYMENTS, SERVICES):
            self._delete(kind, suggestion)

    def address(self, suggestion: Suggestion) -> str:
        """Where the algorithm is asked, as ``host:port``: where its entry says, or its Service."""
        configured = algorithm_address(self._read_config(), algorithm_name(suggestion))
        return configured or f"{_host(suggestion)}:{SUGGESTION_PORT}"

    def early_stopping_address(self, suggestion: Suggestion) -> str:
        """Where the early stopping rule is asked; as :meth:`address`."""
        configured = rule_address(self._read_config(), early_stopping_name(suggestion))
        return configured or f"{_host(suggestion)}:{EARLY_STOPPING_PORT}"

    def _parts(self, suggestion: Suggestion) -> Parts:
        config, rule = self._read_config(), early_stopping_name(suggestion)
        return Parts(
            suggestion,
            find_suggestion(config, algorithm_name(suggestion)),
            find_early_stopping(config, rule) if rule else None,
            self._has_probes,
        )

    def _find_or_create(self, kind: Kind[Unstructured], wanted: Unstructured) -> Unstructured:
        found = self._store.find(kind, wanted.key)
        if found is not None:
            return found
        try:
            return self._store.create(kind, wanted)
        except AlreadyExistsError:
            # A cache may be behind what is stored.
            return self._store.get(kind, wanted.key)

    def _delete(self, kind: Kind[Unstructured], suggestion: Suggestion) -> None:
        key = services_key(suggestion)
        if self._store.find(kind, key) is None:
            return
        try:
            self._store.delete(kind, key)
        except NotFoundError:
            return


def is_available(deployment: Unstructured) -> bool:
    """Whether the Deployment says that it is ``Available``, and is not about to go."""
    if deployment.metadata.deletion_timestamp is not None:
        return False
    conditions = deployment.status.get("conditions") or []
    return any(
        condition.get("type") == "Available" and condition.get("status") == "True"
        for condition in conditions
    )


def _host(suggestion: Suggestion) -> str:
    namespace, name = services_key(suggestion)
    return f"{name}.{namespace}"
