"""Sees to it that an algorithm that ships as an image runs, and goes when it is done."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.kinds import DEPLOYMENTS, SERVICES
from katib.api.suggestion import Suggestion
from katib.api.values import Kind, Unstructured
from katib.configuration.in_cluster import InCluster
from katib.controllers.suggestion.composing import (
    EARLY_STOPPING_PORT,
    SUGGESTION_PORT,
    Asked,
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
        read: reads the configuration anew at each use, so that edits need no restart.
        has_probes: whether algorithms' containers get gRPC health probes
            (``enableGRPCProbeInSuggestion``).
    """

    def __init__(
        self, store: ResourceStore, read: Callable[[], InCluster], has_probes: bool = True
    ) -> None:
        self._store, self._read, self._has_probes = store, read, has_probes

    def is_needed(self, suggestion: Suggestion) -> bool:
        """Whether the algorithm, or its early stopping rule, is a program of its own here.

        Raises:
            ConfigurationError: as :meth:`ensure`.
        """
        parts = self._parts(suggestion)
        return parts.runs_algorithm or parts.runs_early_stopping

    def ensure(self, suggestion: Suggestion) -> bool:
        """Create what is missing; whether the algorithm can be asked now.

        The order is volume, claim, Service, Deployment. The first that cannot be created ends it,
        so that nothing comes to be without what it needs.

        Raises:
            ConfigurationError: the configuration has no entry for the algorithm or its early
                stopping rule, or one that cannot be used.
            KatibError: the store refuses; the next call goes on where this one ended.
        """
        parts = compose(self._parts(suggestion))
        found = {kind: self._find_or_create(kind, wanted) for kind, wanted in parts}
        return DEPLOYMENTS not in found or is_available(found[DEPLOYMENTS])

    def remove(self, suggestion: Suggestion) -> None:
        """Delete the Deployment and the Service, if they exist.

        The volume and its claim stay until the suggestion itself is deleted: an experiment that is
        restarted finds its state again.
        """
        for kind in (DEPLOYMENTS, SERVICES):
            self._delete(kind, suggestion)

    def address(self, asked: Asked) -> str:
        """Where the algorithm is asked, as ``host:port``; empty when that is here.

        Raises:
            ConfigurationError: as :meth:`ensure`.
        """
        entry = self._read().find_algorithm(algorithm_name(asked))
        made = f"{_host(asked)}:{SUGGESTION_PORT}" if entry.image else ""
        return entry.address or made

    def early_stopping_address(self, asked: Asked) -> str:
        """Where the early stopping rule is asked; as :meth:`address`. Empty when there is none."""
        rule = early_stopping_name(asked)
        if not rule:
            return ""
        entry = self._read().find_early_stopping(rule)
        made = f"{_host(asked)}:{EARLY_STOPPING_PORT}" if entry.image else ""
        return entry.address or made

    def _parts(self, suggestion: Suggestion) -> Parts:
        here, rule = self._read(), early_stopping_name(suggestion)
        return Parts(
            suggestion,
            here.find_algorithm(algorithm_name(suggestion)),
            here.find_early_stopping(rule) if rule else None,
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


def _host(asked: Asked) -> str:
    namespace, name = services_key(asked)
    return f"{name}.{namespace}"
