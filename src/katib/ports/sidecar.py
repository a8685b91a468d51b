"""What goes on beside a pod: reading its metrics, while it runs and to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from katib.api.values import Unstructured


class Sidecar(Protocol):
    """Reads and reports the metrics of one pod."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that every container of the pod gets."""
        ...

    @property
    def note(self) -> str:
        """What the user should know of the metrics, once all is reported.

        Empty when all is well.
        """
        ...

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        """Report what is new; whether all there was is reported.

        Args:
            is_ended: every container has ended. The pod is over only when this returned true.
            is_failed: a container ended badly, so that missing metrics are no surprise.
        """
        ...


class Sidecars(Protocol):
    """Attaches sidecars to pods."""

    def attach(self, pod: Unstructured, log_of: Callable[[str], str]) -> Sidecar | None:
        """The sidecar of a pod that is about to start, or was found running.

        Args:
            pod: which.
            log_of: the file that holds a container's output, by the container's name.

        Returns:
            ``None`` for a pod that belongs to no trial.
        """
        ...
