"""The cells of a pod: how it stands, by the states of its containers."""

from __future__ import annotations

from datetime import datetime

from katib.api.values import Manifest
from katib.api_server.cells import NONE, age, at, count, is_ending, maps, moment, size, text


def ready(pod: Manifest, _: datetime) -> str:
    """How many of the containers are ready: ``1/2``."""
    statuses = maps(pod, "status", "containerStatuses")
    running = sum(1 for one in statuses if _is_ready(one))
    return f"{running}/{size(pod, 'spec', 'containers')}"


def status(pod: Manifest, _: datetime) -> str:
    """The pod's phase, or what its containers say more precisely."""
    phase = text(pod, "status", "phase")
    if is_ending(pod) and phase not in ("Succeeded", "Failed"):
        return "Terminating"
    reason = text(pod, "status", "reason") or phase or "Pending"
    initialising = _initialising(pod)
    return initialising or _of_containers(pod, reason)


def restarts(pod: Manifest, now: datetime) -> str:
    """How often containers were started again, and when last: ``2 (5m ago)``."""
    kind = "initContainerStatuses" if _initialising(pod) else "containerStatuses"
    statuses = maps(pod, "status", kind)
    total = sum(count(one, "restartCount") for one in statuses)
    ends = (moment(at(one, "lastState", "terminated", "finishedAt")) for one in statuses)
    last = max((end for end in ends if end is not None), default=None)
    return f"{total} ({age(last, now)} ago)" if total and last is not None else str(total)


def readiness_gates(pod: Manifest, _: datetime) -> str:
    """How many of the conditions that the pod waits for hold: ``1/2``."""
    gates = [text(gate, "conditionType") for gate in maps(pod, "spec", "readinessGates")]
    if not gates:
        return NONE
    conditions = maps(pod, "status", "conditions")
    true = {text(one, "type") for one in conditions if one.get("status") == "True"}
    return f"{sum(1 for gate in gates if gate in true)}/{len(gates)}"


def _initialising(pod: Manifest) -> str:
    """How far the init containers are, as a status; empty when all have ended well."""
    total = size(pod, "spec", "initContainers")
    for index, one in enumerate(maps(pod, "status", "initContainerStatuses")):
        ended = at(one, "state", "terminated")
        if isinstance(ended, dict):
            if count(ended, "exitCode") != 0:
                return f"Init:{_end(ended)}"
        else:
            waiting = text(one, "state", "waiting", "reason")
            known = waiting not in ("", "PodInitializing")
            return f"Init:{waiting}" if known else f"Init:{index}/{total}"
    return ""


def _of_containers(pod: Manifest, reason: str) -> str:
    has_running = False
    for one in reversed(maps(pod, "status", "containerStatuses")):
        waiting, ended = text(one, "state", "waiting", "reason"), at(one, "state", "terminated")
        if waiting:
            reason = waiting
        elif isinstance(ended, dict):
            reason = _end(ended)
        else:
            has_running = has_running or _is_ready(one)
    if reason != "Completed" or not has_running:
        return reason
    conditions = maps(pod, "status", "conditions")
    is_ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return "Running" if is_ready else "NotReady"


def _end(ended: Manifest) -> str:
    signal = count(ended, "signal")
    plain = f"Signal:{signal}" if signal else f"ExitCode:{count(ended, 'exitCode')}"
    return text(ended, "reason") or plain


def _is_ready(status: Manifest) -> bool:
    return status.get("ready") is True and at(status, "state", "running") is not None
