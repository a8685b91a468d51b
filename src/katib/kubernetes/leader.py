"""One of several operators works, the others wait: a Lease says which (coordination.k8s.io/v1).

Whoever leads writes the Lease again and again. The others take it when it has not changed for as
long as it holds, by their own clocks: clocks of two machines are never compared. A leader that
could not write for a while stops before that, so that there are never two.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec.structs import replace

from katib.api.codec import typed
from katib.api.values import ObjectMeta, Value
from katib.errors import AlreadyExistsError, ConflictError, KatibError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.ports.clock import Clock

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to lead, and for how long a word holds.

    Attributes:
        namespace: of the Lease.
        name: of the Lease.
        identity: of this process; no other may have it.
        lease_seconds: how long the others wait for a leader that does not write.
        renew_seconds: after how long without a successful write a leader stops.
        retry_seconds: how often a leader writes, and the others look.
    """

    namespace: str
    name: str
    identity: str
    lease_seconds: int = 15
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0


def _no_time() -> str | None:
    return None


class LeaseSpec(Value, frozen=True):
    """Who leads, since when, and when that was last said. Times are texts with microseconds."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = msgspec.field(default_factory=_no_time)
    renew_time: str | None = msgspec.field(default_factory=_no_time)
    lease_transitions: int | None = None


class Lease(Value, frozen=True):
    """The API's ``Lease``, as far as it is used here."""

    metadata: ObjectMeta
    spec: LeaseSpec = msgspec.field(default_factory=LeaseSpec)


class LeaderElection:
    """Takes part for one process. Leads at most once: who has lost ends, and starts anew.

    Args:
        client: of the API server.
        clock: for the times in the Lease, and for waiting.
        candidate: who takes part.
        on_lost: called once when this process must stop leading at once.
    """

    def __init__(
        self,
        client: KubernetesClient,
        clock: Clock,
        candidate: Candidate,
        on_lost: Callable[[], None],
    ) -> None:
        self._client, self._clock, self._candidate = client, clock, candidate
        self._on_lost = on_lost
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{candidate.namespace}/leases"
        self._seen: LeaseSpec | None = None
        self._seen_at = 0.0
        self._lock = threading.Lock()
        self._stopped, self._leads = threading.Event(), threading.Event()
        self._renewed_at = 0.0
        # A write that hangs must not keep a leader from noticing that its time is over.
        self._threads = tuple(
            threading.Thread(target=work, name=f"leader election {work.__name__}", daemon=True)
            for work in (self._renew, self._guard)
        )

    @property
    def is_leader(self) -> bool:
        """Whether this process leads now."""
        return self._leads.is_set()

    def acquire(self) -> bool:
        """Wait until this process leads, and keep it so; ``False`` when it was stopped before."""
        while not self._stopped.is_set():
            began = self._clock.monotonic()
            if self._try():
                _LOG.info("%s leads", self._candidate.identity)
                self._renewed_at = began
                self._leads.set()
                for thread in self._threads:
                    thread.start()
                return True
            self._stopped.wait(self._candidate.retry_seconds)
        return False

    def release(self) -> None:
        """Stop taking part; if this process leads, another may at once."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(self._candidate.renew_seconds)
        if not self._leads.is_set():
            return
        self._leads.clear()
        try:
            lease = self._read()
            if lease is not None and lease.spec.holder_identity == self._candidate.identity:
                self._write(replace(lease, spec=replace(lease.spec, holder_identity="")))
        except KatibError as error:
            _LOG.warning("the lease is not given back, others wait for its end: %s", error)

    def _renew(self) -> None:
        while not self._stopped.wait(self._candidate.retry_seconds):
            began = self._clock.monotonic()
            if self._try():
                self._renewed_at = began
            elif self._is_taken():
                self._lose()
                return

    def _guard(self) -> None:
        # Twice as often as the lease is written, so that little is lost by looking.
        while not self._stopped.wait(self._candidate.retry_seconds / 2):
            if self._clock.monotonic() - self._renewed_at >= self._candidate.renew_seconds:
                self._lose()
                return

    def _lose(self) -> None:
        self._stopped.set()
        with self._lock:
            if not self._leads.is_set():
                return
            self._leads.clear()
        _LOG.error("%s leads no more", self._candidate.identity)
        self._on_lost()

    def _is_taken(self) -> bool:
        return self._seen is not None and self._seen.holder_identity not in (
            self._candidate.identity,
            "",
            None,
        )

    def _try(self) -> bool:
        """Write the Lease if this process may; whether it leads by that."""
        try:
            lease = self._read()
            spec = None if lease is None else lease.spec
            if spec != self._seen:
                self._seen, self._seen_at = spec, self._clock.monotonic()
            waited = self._clock.monotonic() - self._seen_at
            if spec is not None and not may_take(spec, self._candidate.identity, waited):
                return False
            metadata = (
                ObjectMeta(name=self._candidate.name, namespace=self._candidate.namespace)
                if lease is None
                else lease.metadata
            )
            fresh = taken(spec, self._candidate, self._clock.now())
            self._write(Lease(metadata=metadata, spec=fresh))
            self._seen, self._seen_at = fresh, self._clock.monotonic()
        except (ConflictError, AlreadyExistsError):
            # Another was faster.
            return False
        except KatibError as error:
            _LOG.warning("the lease cannot be written now: %s", error)
            return False
        return True

    def _read(self) -> Lease | None:
        try:
            return typed(Lease, self._client.request("GET", f"{self._path}/{self._candidate.name}"))
        except NotFoundError:
            return None

    def _write(self, lease: Lease) -> None:
        body = msgspec.json.encode(lease)
        if lease.metadata.resource_version:
            self._client.request("PUT", f"{self._path}/{self._candidate.name}", body=body)
        else:
            self._client.request("POST", self._path, body=body)


def may_take(spec: LeaseSpec, identity: str, waited: float) -> bool:
    """Whether a candidate may write a Lease as its own.

    Args:
        spec: as it was read.
        identity: the candidate's.
        waited: for how many seconds it has been read like this.
    """
    if spec.holder_identity in (identity, "", None):
        return True
    return waited > (spec.lease_duration_seconds or 0)


def taken(before: LeaseSpec | None, candidate: Candidate, now: datetime) -> LeaseSpec:
    """The Lease as the candidate writes it.

    Args:
        before: as it was; ``None`` when there was none.
        candidate: who leads from now on, or still.
        now: the time, in UTC.
    """
    before = before or LeaseSpec()
    time = f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
    if before.holder_identity == candidate.identity:
        return replace(before, renew_time=time, lease_duration_seconds=candidate.lease_seconds)
    return LeaseSpec(
        holder_identity=candidate.identity,
        lease_duration_seconds=candidate.lease_seconds,
        acquire_time=time,
        renew_time=time,
        lease_transitions=(before.lease_transitions or 0) + bool(before.holder_identity),
    )
