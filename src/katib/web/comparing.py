"""What is told of experiments and of trials when they stand side by side."""

from __future__ import annotations

from katib.api.values import Manifest
from katib.web import looks
from katib.web.charts.styling import counted

#: More than this do not fit beside each other.
MOST_EXPERIMENTS, MOST_TRIALS = 12, 12

_COUNTS = (
    ("trialsSucceeded", "succeeded"),
    ("trialsEarlyStopped", "stopped early"),
    ("trialsRunning", "running"),
    ("trialsFailed", "failed"),
    ("trialMetricsUnavailable", "without metrics"),
)


def experiment_facts(experiment: Manifest) -> dict[str, str]:
    """What an experiment is made of and what it has found, by name."""
    spec, status = experiment.get("spec") or {}, experiment.get("status") or {}
    objective, algorithm = spec.get("objective") or {}, spec.get("algorithm") or {}
    stopping = spec.get("earlyStopping") or {}
    optimal = status.get("currentOptimalTrial") or {}
    _, best = looks.best_value(experiment)
    goal = objective.get("goal")
    facts = {
        "Status": looks.status_of(experiment),
        "Best value": best,
        "Best trial": str(optimal.get("bestTrialName") or ""),
        "Trials": ", ".join(
            [
                counted(int(status.get("trials") or 0)),
                *(f"{status[field]:,} {word}" for field, word in _COUNTS if status.get(field)),
            ]
        ),
        "Objective": f"{objective.get('type', '')} {objective.get('objectiveMetricName', '')}",
        "Goal": "" if goal is None else looks.number(goal),
        "Algorithm": str(algorithm.get("algorithmName") or ""),
        "Algorithm settings": _settings(algorithm),
        "Early stopping": str(stopping.get("algorithmName") or ""),
        "Early stopping settings": _settings(stopping),
        "Trials at most": _text(spec.get("maxTrialCount")),
        "Trials at once": _text(spec.get("parallelTrialCount")),
        "Trials that may fail": _text(spec.get("maxFailedTrialCount")),
    }
    for parameter in spec.get("parameters") or ():
        facts[f"Space of {parameter.get('name')}"] = describe_space(parameter)
    for one in optimal.get("parameterAssignments") or ():
        facts[f"Best {one['name']}"] = looks.number(one.get("value", ""))
    return facts


def trial_facts(trial: Manifest) -> dict[str, str]:
    """How a trial ended, what it was assigned and what it observed, by name."""
    spec, status = trial.get("spec") or {}, trial.get("status") or {}
    facts = {"Status": looks.trial_status_of(trial)}
    for one in spec.get("parameterAssignments") or ():
        facts[str(one["name"])] = looks.number(one.get("value", ""))
    for metric in (status.get("observation") or {}).get("metrics") or ():
        for key in ("latest", "min", "max"):
            facts[f"{metric.get('name')}, {key}"] = looks.number(metric.get(key, ""))
    facts["Started"] = str(status.get("startTime") or "")
    facts["Completed"] = str(status.get("completionTime") or "")
    return facts


def describe_space(parameter: Manifest) -> str:
    """A parameter's type and its feasible space, in a few words."""
    space = parameter.get("feasibleSpace") or {}
    if space.get("list"):
        return f"{parameter.get('parameterType')}: {', '.join(map(str, space['list']))}"
    step = f", step {space['step']}" if space.get("step") else ""
    spread = f", {space['distribution']}" if space.get("distribution") else ""
    bounds = f"{space.get('min')} to {space.get('max')}"
    return f"{parameter.get('parameterType')}: {bounds}{step}{spread}"


def _settings(algorithm: Manifest) -> str:
    pairs = algorithm.get("algorithmSettings") or ()
    return ", ".join(f"{one.get('name')}={one.get('value')}" for one in pairs)


def _text(value: object) -> str:
    return "" if value is None else str(value)
