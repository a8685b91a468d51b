"""What goes on for one pod: its containers together, how they end and what they tell."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from katib.api.values import Manifest
from katib.executors.container import Container
from katib.executors.outfit import PodOutfit
from katib.ports.sidecar import Sidecar

#: How long a container that a sidecar added may go on when the pod's own have ended, before it is
#: asked to end, in seconds. It may look at what they wrote only once a second.
BESIDE_SECONDS = 2.0

#: The exit code of a program that ended because it was asked to.
TERMINATED = 143

#: Why a pod was ended before its time: its sidecar said so.
EARLY_STOPPED = "EarlyStopped"


@dataclass(slots=True)
class Run:
    """What goes on for one pod.

    Attributes:
        uid: of the pod.
        init: the containers that run first, one after the other.
        main: those that run then, at once.
        outfit: what they find.
        sidecar: what reads metrics, if anything.
        grace_seconds: how long processes may take to end when they are asked to.
        stop_reason: why its sidecar wants it ended before its time; empty while it may go on.
        is_new: whether something was started that the pod's status does not tell of yet.
        is_ended: whether all is over.
        is_told: whether what is beside was asked to end.
        alone_since: when the pod's own containers had ended, by the monotonic clock.
        stop_by: when processes that were asked to end are killed, by the monotonic clock.
        failure: reason and message of the pod's own end before its time.
    """

    uid: str
    init: Sequence[Container]
    main: Sequence[Container]
    outfit: PodOutfit
    sidecar: Sidecar | None
    grace_seconds: int
    stop_reason: str = ""
    is_new: bool = False
    is_ended: bool = False
    is_told: bool = False
    alone_since: float | None = None
    stop_by: float | None = None
    failure: tuple[str, str] | None = None

    @property
    def containers(self) -> Sequence[Container]:
        beside = self.outfit.beside
        return (*self.init, *self.main, *(() if beside is None else (beside,)))

    @property
    def is_good(self) -> bool:
        """Whether all has ended well; what is beside has until it is asked to end."""
        if self.stop_reason:
            # However its programs took it.
            return True
        if self.failure is not None or self._is_beside_broken:
            return False
        return all(one.is_succeeded for one in (*self.init, *self.main))

    @property
    def is_cut(self) -> bool:
        """Whether it is ended before its time, so that nothing is started any more."""
        return bool(self.stop_reason) or self.failure is not None

    @property
    def _is_beside_broken(self) -> bool:
        beside = self.outfit.beside
        if beside is None or self.is_told:
            return False
        return beside.exit_code not in (None, 0, TERMINATED)

    def stop(self, now: float) -> None:
        """Ask its processes to end, and kill those that take longer than they may.

        Args:
            now: by the monotonic clock.
        """
        if self.stop_by is None:
            self.stop_by = now + self.grace_seconds
            number = signal.SIGTERM
        elif now >= self.stop_by:
            number = signal.SIGKILL
        else:
            return
        for container in self.containers:
            container.signal(number)

    def end_beside(self, beside: Container, now: float) -> bool:
        """Whether what a sidecar added has ended, when the pod's own containers have."""
        if not beside.is_running:
            return True
        self.alone_since = now if self.alone_since is None else self.alone_since
        over = now - self.alone_since - BESIDE_SECONDS
        if over >= self.grace_seconds:
            beside.signal(signal.SIGKILL)
        elif over >= 0 and not self.is_told:
            self.is_told = True
            beside.signal(signal.SIGTERM)
        return False

    def status(self, started: str) -> Manifest:
        """The pod's status.

        Args:
            started: when it began, as its status has it.
        """
        status: Manifest = {"phase": self._phase, "startTime": started}
        if self.init:
            status["initContainerStatuses"] = [container.status() for container in self.init]
        status["containerStatuses"] = [container.status() for container in self.main]
        if self.failure is not None:
            status["reason"], status["message"] = self.failure
        elif self.stop_reason:
            status["reason"], status["message"] = EARLY_STOPPED, self.stop_reason
        elif status["phase"] == "Failed":
            causes = (container.failure() for container in self.containers)
            status["message"] = next((cause for cause in causes if cause), "")
        elif self.is_ended and self.sidecar is not None and self.sidecar.note:
            status["message"] = self.sidecar.note
        return status

    @property
    def _phase(self) -> str:
        if self.is_ended:
            return "Succeeded" if self.is_good else "Failed"
        started = any(container.is_started for container in self.main)
        return "Running" if started else "Pending"
