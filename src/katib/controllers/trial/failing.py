"""Why a run failed, as its pods tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from katib.api import names
from katib.api.values import Manifest, Unstructured

#: How much of what a program printed last is told, in lines and in characters.
MOST_LINES, MOST_CHARACTERS = 10, 1_000

#: What Kubernetes says of every program that ends with an exit code but zero.
_USUAL = "Error"


def find_cause(run: Unstructured, pods: Iterable[Unstructured], primary: str) -> str:
    """What became of the pod that failed last, and what its program printed last.

    Empty when no pod is left that failed, or none says why.

    Args:
        run: a trial's run that has failed.
        pods: those that it made, as far as they are there.
        primary: the container whose end counts most.
    """
    here = [run] if run.kind == "Pod" else pods
    failed = [pod for pod in here if pod.status.get("phase") == "Failed"]
    if not failed:
        return ""
    pod = max(failed, key=_ended_at)
    ends = sorted(_ends(pod), key=lambda end: _rank(end, primary))
    if not ends:
        told = (pod.status.get("reason"), pod.status.get("message"))
        words = ": ".join(str(one) for one in told if one)
        return f"Pod {pod.metadata.name}: {words}" if words else ""
    said = "\n".join(filter(None, (_last_lines(end) for end in ends[:1] + _collectors(ends))))
    head = f"Pod {pod.metadata.name}: {_in_words(ends[0])}"
    return f"{head}: {said}" if said else head


_End = tuple[str, Manifest]


def _ends(pod: Unstructured) -> Iterator[_End]:
    """Containers that ended badly: their names, and how."""
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in pod.status.get(part) or ():
            ended: Manifest = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                yield str(container.get("name")), ended


def _rank(end: _End, primary: str) -> tuple[bool, bool]:
    """The primary container comes first; a collector only fails after its program."""
    name, _ = end
    return name != primary, name in names.COLLECTOR_CONTAINERS


def _collectors(ends: Sequence[_End]) -> list[_End]:
    """Who prints what the program did, where the program's own container does not."""
    return [end for end in ends[1:] if end[0] in names.COLLECTOR_CONTAINERS]


def _in_words(end: _End) -> str:
    name, ended = end
    reason = str(ended.get("reason") or _USUAL)
    detail = "" if reason == _USUAL else f" ({reason})"
    return f"container {name} ended with exit code {ended['exitCode']}{detail}"


def _last_lines(end: _End) -> str:
    lines = str(end[1].get("message") or "").strip().splitlines()
    return "\n".join(lines[-MOST_LINES:])[-MOST_CHARACTERS:]


def _ended_at(pod: Unstructured) -> str:
    """When its last container ended; times of one server compare as they are written."""
    found = (str(ended.get("finishedAt") or "") for _, ended in _ends(pod))
    return max(found, default="")
