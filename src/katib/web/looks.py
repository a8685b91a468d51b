"""How states, numbers and times look: the same words, icons and colours on every page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from katib.api import names
from katib.api.values import Manifest
from katib.client.trial_table import PENDING

#: How an experiment stands that runs, and makes no trials for now.
SUSPENDED = "Suspended"

#: Of each status: icon and colour. No two share both, and the word stands beside them.
STATUSES: Mapping[str, tuple[str, str]] = {
    names.SUCCEEDED: ("check_circle", "green-8"),
    names.RUNNING: ("timelapse", "blue-8"),
    SUSPENDED: ("pause_circle", "brown-7"),
    names.CREATED: ("schedule", "blue-grey-6"),
    names.RESTARTING: ("restart_alt", "indigo-7"),
    PENDING: ("hourglass_empty", "blue-grey-6"),
    names.EARLY_STOPPED: ("content_cut", "purple-7"),
    names.METRICS_UNAVAILABLE: ("help", "amber-10"),
    names.KILLED: ("cancel", "grey-8"),
    names.FAILED: ("error", "red-8"),
}

#: The condition that counts, the first that is true.
_DECISIVE = (
    names.SUCCEEDED,
    names.FAILED,
    names.RUNNING,
    names.RESTARTING,
    names.CREATED,
)

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status_of(experiment: Manifest) -> str:
    """How an experiment stands, in one word."""
    found = decisive(experiment)
    if found and found.get("reason") == "ExperimentSuspended" and found["type"] == names.RUNNING:
        return SUSPENDED
    return str(found["type"]) if found else PENDING


def trial_status_of(trial: Manifest) -> str:
    """How a trial stands, in one word: its last condition that is true."""
    conditions: Sequence[Manifest] = (trial.get("status") or {}).get("conditions") or ()
    true = [str(one.get("type")) for one in conditions if one.get("status") == "True"]
    return true[-1] if true else PENDING


def decisive(experiment: Manifest) -> Manifest | None:
    """The condition that says how an experiment stands."""
    conditions: Sequence[Manifest] = (experiment.get("status") or {}).get("conditions") or ()
    true = {one["type"]: one for one in conditions if one.get("status") == "True"}
    return next((true[type] for type in _DECISIVE if type in true), None)


def waiting_of(experiment: Manifest) -> str:
    """What an experiment or a trial waits for; empty when it does not."""
    conditions: Sequence[Manifest] = (experiment.get("status") or {}).get("conditions") or ()
    for one in conditions:
        if one.get("type") == names.PROGRESSING:
            return str(one.get("message") or one.get("reason") or "")
    return ""


def number(value: object, digits: int = 6) -> str:
    """A number as short as it can be told; what is none, as it is."""
    try:
        found = float(str(value))
    except ValueError:
        return str(value)
    if not math.isfinite(found):
        return str(found)
    return f"{found:.{digits}g}"


def length(seconds: float) -> str:
    """A length of time, by its largest unit or two."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"


def best_value(experiment: Manifest) -> tuple[float, str]:
    """The best value so far as a number to sort by and as a text; ``nan`` and empty for none."""
    status, spec = experiment.get("status") or {}, experiment.get("spec") or {}
    objective = spec.get("objective") or {}
    wanted = objective.get("objectiveMetricName") or ""
    optimal = status.get("currentOptimalTrial") or {}
    metrics: Sequence[Manifest] = (optimal.get("observation") or {}).get("metrics") or ()
    strategies = {
        one.get("name"): one.get("value") for one in objective.get("metricStrategies") or ()
    }
    for metric in metrics:
        if metric.get("name") == wanted:
            extreme = metric.get(strategies.get(wanted) or "latest")
            text = extreme if extreme not in (None, "", "unavailable") else metric.get("latest")
            try:
                return float(str(text)), number(text)
            except ValueError:
                return math.nan, str(text)
    return math.nan, ""
