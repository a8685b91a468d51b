"""What goes on beside a pod: reading its metrics, while it runs and to the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from katib.api.values import Key, Manifest, Unstructured

#: The variable that holds the path of the file that a program writes its metrics into.
METRICS_FILE_VARIABLE = "KATIB_METRICS_FILE"

#: The variable that holds a port of this machine for a program to serve its metrics on.
METRICS_PORT_VARIABLE = "KATIB_METRICS_PORT"


class Sidecar(Protocol):
    """Reads and reports the metrics of one pod."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that every container of the pod gets; its own of the same name win."""
        ...

    @property
    def note(self) -> str:
        """What the user should know of the metrics, once all is reported.

        Empty when all is well.
        """
        ...

    @property
    def stop_reason(self) -> str:
        """Why the pod is to be ended now, before its time; empty while it may go on.

        Looked at before the first container starts, and after every :meth:`advance`. Once it is
        not empty it stays.
        """
        ...

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        """Report what is new; whether all there was is reported.

        Args:
            is_ended: every container has ended. The pod is over only when this returned true.
            is_failed: a container ended badly, so that missing metrics are no surprise. What ended
                because of :attr:`stop_reason` did not.

        Raises:
            ObservationLogAwayError: no more is taken or can be known now. Nothing is lost; to be
                called again later.
        """
        ...

    def note_stop(self, reason: str) -> None:
        """The pod was ended for this reason and all is reported: its trial is stopped early.

        Called before the pod's end is written, and again when an engine died in between.

        Args:
            reason: the :attr:`stop_reason`, perhaps as an earlier engine read it.
        """
        ...


class Outfit(Protocol):
    """What a pod finds when it starts, as far as a sidecar has a say in it.

    All paths that it returns are this machine's, and lie in the folder of the pod's trial. They
    are made before the first container starts, so nothing is there yet when they are returned.
    """

    def __call__(self, container: str) -> str:
        """The file that holds the output of one of the pod's containers.

        Raises:
            KeyError: the pod has no container of that name.
        """
        ...

    def map_path(self, path: str, is_folder: bool = False) -> str:
        """Give every container a place of the pod's own for an absolute path.

        Args:
            path: as the pod names it.
            is_folder: it is a folder. For a file, the folder it lies in is the pod's own as well,
                as if an empty volume were mounted there.

        Returns:
            The path that takes its place.
        """
        ...

    def map_checkpoints(self, path: str, experiment: Key, trial: str, parent: str = "") -> str:
        """Give every container the trial's checkpoints for an absolute path.

        They are a folder that all pods of the trial share, and that stays until the trial or its
        experiment is deleted. It begins as a copy of the parent's; the pod cannot start when that
        is gone.

        Args:
            path: as the pod names it.
            experiment: whose trial.
            trial: its name.
            parent: the trial of the same experiment that it goes on from; empty for none.

        Returns:
            The path that takes its place.
        """
        ...

    def add_file(self, name: str, content: bytes) -> str:
        """Put a file into the trial's folder; its path."""
        ...

    def add_container(self, container: Manifest) -> str:
        """Run one more container beside the pod's own, with the same paths and variables.

        It is started with them, and asked to end when they have ended and it does not end by
        itself. It fails the pod when it ends badly before it is asked.

        Returns:
            The file that holds its output.

        Raises:
            ValueError: the container has no name, or that of another one.
        """
        ...


class Sidecars(Protocol):
    """Attaches sidecars to pods."""

    def attach(self, pod: Unstructured, outfit: Outfit) -> Sidecar | None:
        """The sidecar of a pod that is about to start, or was found running.

        Args:
            pod: which.
            outfit: tells where the pod's output is, and takes what else the pod is to find.

        Returns:
            ``None`` for a pod that belongs to no trial.

        Raises:
            ObservationLogAwayError: what the pod has reported must be known first; to be called
                again later.
        """
        ...
