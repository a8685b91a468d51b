"""What the containers of this machine's pods have written, read from the executor's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from katib.api.kinds import PODS
from katib.api.trial import TRIALS
from katib.api.values import Manifest, Unstructured
from katib.ports.pod_logs import LogSource, LogState
from katib.ports.resource_store import ResourceReader

_ENDED = ("Succeeded", "Failed")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FilePodLogs:
    """Reads logs where the executor lets containers write them.

    A container that is restarted goes on in the same file, so that there is no log of a previous
    attempt by itself.

    Args:
        store: where pods are.
        place: the beginning of the names of a pod's files.
    """

    store: ResourceReader
    place: Callable[[Unstructured], str]

    def find(self, source: LogSource) -> LogState | None:
        """See the port."""
        if source.pod.kind == TRIALS.name:
            return self._find_call(source)
        is_over = self._is_over(source)
        try:
            found = self._path(source).stat()
        except FileNotFoundError:
            return None
        if source.is_previous:
            return None
        return LogState(found.st_size, is_over, datetime.fromtimestamp(found.st_mtime, UTC))

    def read(self, source: LogSource, start: int, size: int) -> bytes:
        """See the port."""
        try:
            with self._path(source).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def _find_call(self, source: LogSource) -> LogState:
        """How far the log of a function is, which may print nothing for long, or ever."""
        trial = self.store.find(TRIALS, source.pod.key)
        is_over = trial is None or trial.is_completed
        try:
            found = self._path(source).stat()
        except FileNotFoundError:
            return LogState(0, is_over, source.pod.metadata.creation_timestamp or _LONG_AGO)
        return LogState(found.st_size, is_over, datetime.fromtimestamp(found.st_mtime, UTC))

    def _path(self, source: LogSource) -> Path:
        if source.pod.kind == TRIALS.name:
            # The same that the executor gives a pod of that name.
            folder = Path(self.place(source.pod)).parent
            found = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
            return found[-1] if found else folder / "none"
        spec, place = source.pod.spec, self.place(source.pod)
        count = len(spec.get("initContainers") or ()) + len(spec.get("containers") or ())
        # A pod of one container has no name of it in its files.
        return Path(f"{place}.log" if count == 1 else f"{place}.{source.container}.log")

    def _is_over(self, source: LogSource) -> bool:
        pod = self.store.find(PODS, source.pod.key)
        if pod is None or pod.metadata.uid != source.pod.metadata.uid:
            return True
        if pod.status.get("phase") in _ENDED:
            return True
        state: Manifest = _status_of(pod, source.container).get("state") or {}
        # One that is to run again is waiting, and not terminated.
        return "terminated" in state


def _status_of(pod: Unstructured, container: str) -> Manifest:
    for part in ("containerStatuses", "initContainerStatuses"):
        for status in pod.status.get(part) or ():
            if status.get("name") == container:
                found: Manifest = status
                return found
    return {}
