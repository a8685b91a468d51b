"""The run of a trial: the resource that its manifest describes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Raw
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import decode, typed
from katib.api.kinds import PODS, kind_of
from katib.api.trial import Trial
from katib.api.values import Kind, Unstructured, Value, owner_reference
from katib.controllers.trial.failing import find_cause
from katib.controllers.trial.gjson import Match
from katib.errors import AlreadyExistsError, RequestRefusedError
from katib.ports.event_recorder import EventRecorder
from katib.ports.resource_store import ResourceStore, Selector

#: Gives a trial's run what its pods need besides. A ``RenderError`` says that they cannot have it,
#: a ``ConfigurationError`` that they cannot have it yet.
Prepare = Callable[[Trial, Unstructured], Unstructured]


def as_written(trial: Trial, run: Unstructured) -> Unstructured:
    """The run as its template says."""
    return run


class Runs:
    """Finds, creates and deletes runs, and tells of it.

    Args:
        store: where runs are.
        events: what happened, for the user.
        prepare: called for each run before it is made.
        silent: of runs of these kinds it is not told.
    """

    def __init__(
        self,
        store: ResourceStore,
        events: EventRecorder,
        prepare: Prepare = as_written,
        silent: Collection[Kind[Any]] = (),
    ) -> None:
        self._store, self._events, self._prepare = store, events, prepare
        self._silent = {kind.address for kind in silent}

    def find(self, trial: Trial) -> Unstructured | None:
        """The trial's run, if it is there; what another controls is none."""
        found: Unstructured | None = self._store.find(kind_of_run(trial), trial.key)
        return found if found is not None and _is_of(found, trial) else None

    def create(self, trial: Trial) -> Unstructured:
        """The trial's run, made if it is not there.

        Raises:
            AlreadyExistsError: what another controls has its name.
            ConfigurationError: its pods cannot be given what they need yet.
            RenderError: they never can.
        """
        kind = kind_of_run(trial)
        text = Raw(b"{}") if trial.spec.run_spec is UNSET else trial.spec.run_spec
        run: Unstructured = decode(kind, bytes(text))
        # Whoever may write trials in one namespace must not have runs made in another.
        metadata = replace(
            run.metadata,
            name=trial.metadata.name,
            namespace=trial.metadata.namespace,
            owner_references=(owner_reference(trial),),
        )
        run = replace(run, metadata=metadata)
        try:
            created: Unstructured = self._store.create(kind, self._prepare(trial, run))
        except AlreadyExistsError:
            found: Unstructured = self._store.get(kind, run.key)
            if not _is_of(found, trial):
                raise
            return found
        self._tell(trial, created, "JobCreated", "created")
        return created

    def delete(self, trial: Trial, run: Unstructured) -> None:
        """Let the run go, if it does not already."""
        if run.metadata.deletion_timestamp is None:
            self._store.delete(kind_of_run(trial), run.key, uid=run.metadata.uid)
            self._tell(trial, run, "JobDeleted", "deleted")

    def pods(self, trial: Trial) -> tuple[Unstructured, ...]:
        """The pods that were made for the run, as far as their label says so."""
        where = Selector(trial.metadata.namespace, {names.LABEL_TRIAL: trial.metadata.name})
        return tuple(self._store.list(PODS, where))

    def with_cause(self, trial: Trial, run: Unstructured, match: Match) -> Match:
        """The failure of a run with what its pods tell of it, where that is not told already."""
        try:
            pods = () if run.kind == "Pod" else self.pods(trial)
        except RequestRefusedError:
            # Who may not ask for pods is not kept from judging the run.
            return match
        cause = find_cause(run, pods, trial.spec.primary_container_name)
        if not cause or any(_is_told(pod, match) for pod in (run, *pods)):
            return match
        return Match(match.reason, f"{match.message}. {cause}" if match.message else cause)

    def _tell(self, trial: Trial, run: Unstructured, reason: str, what: str) -> None:
        if (run.api_version, run.kind) not in self._silent:
            self._events.record(trial, reason, f"Job {trial.metadata.name} has been {what}")


def kind_of_run(trial: Trial) -> Kind[Any]:
    """The kind of the manifest that a trial runs."""
    return _kind_in(b"{}" if trial.spec.run_spec is UNSET else bytes(trial.spec.run_spec))


# The same few are asked for again and again.
@lru_cache(maxsize=64)
def _kind_in(text: bytes) -> Kind[Any]:
    head = typed(_Head, text)
    return kind_of(head.api_version, head.kind)


def _is_told(pod: Unstructured, match: Match) -> bool:
    """Whether a run's failure has the words of its pod, as on one machine."""
    said = str(pod.status.get("message") or "")
    return bool(said) and said in match.message


def _is_of(run: Unstructured, trial: Trial) -> bool:
    """Whether nobody else controls the run, as an earlier trial of that name does."""
    owner = run.metadata.controller
    return owner is None or owner.uid == trial.metadata.uid


class _Head(Value, frozen=True):
    """The first lines of a manifest."""

    api_version: str = ""
    kind: str = ""
