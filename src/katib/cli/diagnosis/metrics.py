"""The last station: the metrics of a trial whose program ended well."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence

from katib.api import conditions, names
from katib.api.experiment import CollectorSpec, FilterSpec, ObjectiveSpec, SourceSpec
from katib.api.numbers import is_non_finite, parse_number
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.cli.diagnosis.finding import Finding, object_of
from katib.cli.diagnosis.runs import containers_of
from katib.cli.diagnosis.scene import Scene
from katib.cli.objective import show_objective
from katib.collectors.near_miss import near_misses

#: How many names of other metrics are told.
MOST_NAMES = 8

_DIVERGING = (
    "let the program print numbers: a diverging loss often wants a smaller learning rate, so "
    "narrow spec.parameters"
)

_REPORT = re.compile(
    r"(?<![\w|-])([A-Za-z_][\w|-]*)\s*=\s*[+-]?(?:\d|\.\d|(?i:nan\b|inf))", re.ASCII
)


def explain_missing(scene: Scene, trial: Trial) -> Finding:
    """Why a trial ended well and without its metric."""
    found = find_wrong_container(trial) or _explain_ignored(trial)
    if found is not None:
        return found
    if _kind(trial) != "StdOut":
        return _unreported(scene, trial)
    metric, tail = _metric(trial), scene.log_tail(trial)
    printed = _names_in(tail)
    if metric in printed and not _filters(trial):
        return _uncollected(scene, trial)
    alike = _alike(metric, printed)
    near = near_misses(tail, [metric])
    if not _filters(trial) and printed and (alike or not near):
        return _misnamed(scene, trial, printed, alike)
    return _unprinted(scene, trial, near)


def find_wrong_container(trial: Trial) -> Finding | None:
    """The template names a primary container that its manifest does not have."""
    wanted = trial.spec.primary_container_name
    known = [str(one.get("name")) for one in containers_of(trial)]
    if not known or not wanted or wanted in known:
        return None
    return Finding(
        "the primary container is not in the pod",
        "WrongPrimaryContainer",
        f'The pod has no container "{wanted}"; it has {", ".join(known)}',
        f"set spec.trialTemplate.primaryContainerName to {' or '.join(known)}",
        object_of(trial),
    )


def is_incomparable(trial: Trial) -> bool:
    """Whether the trial succeeded with an objective that is no finite number, such as ``nan``."""
    if not trial.has(names.SUCCEEDED):
        return False
    objective = trial.spec.objective or ObjectiveSpec()
    value = show_objective(objective, trial.status.observation)
    if objective.non_finite == names.PENALISE and is_non_finite(value):
        # The experiment counts with such trials.
        return False
    number = parse_number(value)
    return number is None or not math.isfinite(number)


def explain_incomparable(scene: Scene, trial: Trial) -> Finding:
    """A trial succeeded and cannot be compared."""
    value = show_objective(trial.spec.objective, trial.status.observation)
    told = scene.warning(trial, "MetricNotANumber") or scene.warning(trial, "NonFiniteObjective")
    return Finding(
        "the metric is not a number",
        "MetricNotANumber",
        told or f'metric "{_metric(trial)}" is "{value}": the trial cannot be compared',
        f"{_DIVERGING}, or say in spec.objective.nonFinite what becomes of such trials",
        object_of(trial),
    )


def _explain_ignored(trial: Trial) -> Finding | None:
    """All that was reported is left out, as it is not finite."""
    said = conditions.find(trial.status.conditions, names.METRICS_UNAVAILABLE) or Condition()
    if "NonFiniteObjective" not in said.reason:
        return None
    return Finding(
        "the metric is nan or infinite",
        "NonFiniteObjective",
        said.message.removeprefix("Metrics are not available. Job message: "),
        f"{_DIVERGING}, or let spec.objective.nonFinite be penalise",
        object_of(trial),
    )


def _misnamed(scene: Scene, trial: Trial, printed: Sequence[str], alike: str) -> Finding:
    metric = _metric(trial)
    told = ", ".join(f'"{name}"' for name in printed[:MOST_NAMES])
    meant = f', did you mean "{alike}"?' if alike else ""
    head = _told(scene, trial)
    message = f'the log holds no metric "{metric}", but {told}{meant}'
    right = alike or printed[0]
    return Finding(
        "the metric has another name",
        "WrongMetricName",
        f"{head}\n{message}" if head else message,
        f'set spec.objective.objectiveMetricName to "{right}", or let the program print '
        f'"{metric}=<number>"',
        object_of(trial),
    )


def _unprinted(scene: Scene, trial: Trial, near: Sequence[str]) -> Finding:
    metric, filters = _metric(trial), " or ".join(_filters(trial))
    wanted = f"that the filter {filters} takes" if filters else f'with "{metric}=<number>"'
    message = f"The program ended well but printed no line {wanted}"
    if near:
        message = f"{message}. These lines were nearly that: {' | '.join(near)}"
    fix = f'let the program print the metric as "{metric}=<number>", or give '
    if filters:
        fix = "correct "
    return Finding(
        "the metric was never printed",
        "MetricNeverPrinted",
        _told(scene, trial) or message,
        f"{fix}spec.metricsCollectorSpec.source.filter.metricsFormat: a filter that finds it",
        object_of(trial),
    )


def _uncollected(scene: Scene, trial: Trial) -> Finding:
    metric = _metric(trial)
    message = f'the log holds "{metric}=…", but it was not collected'
    return Finding(
        "the metric was printed and not collected",
        "MetricNotCollected",
        "\n".join(filter(None, (_told(scene, trial), message))),
        "see that spec.trialTemplate.primaryPodLabels are labels of the pod that prints it",
        object_of(trial),
    )


def _unreported(scene: Scene, trial: Trial) -> Finding:
    kind, metric = _kind(trial), _metric(trial)
    source = trial.spec.metrics_collector.source or SourceSpec()
    path = "" if source.file_system_path is None else source.file_system_path.path
    fixes = {
        "Push": f'let the program report "{metric}" before it ends',
        "File": f'let the program write "{metric}=<number>" into {path}',
    }
    return Finding(
        "the metric was never reported",
        "MetricNeverReported",
        _told(scene, trial) or f'The collector {kind} found no "{metric}"',
        fixes.get(
            kind, f"see what the collector {kind} reads, and that the program writes it there"
        ),
        object_of(trial),
    )


def _told(scene: Scene, trial: Trial) -> str:
    """What the collector said of it as the trial ended."""
    silent = ("MetricsUnavailable", "MetricNotANumber")
    found = [message for reason, message in scene.warnings(trial) if reason not in silent]
    return found[-1] if found else ""


def _names_in(tail: str) -> Sequence[str]:
    """The metrics that a log holds, each once, as the default filter sees them."""
    return tuple(dict.fromkeys(match[1] for match in _REPORT.finditer(tail)))


def _alike(metric: str, printed: Sequence[str]) -> str:
    """The printed name that was probably meant; empty when none is like it."""
    plain = {re.sub(r"[\W_]", "", name).lower(): name for name in printed}
    wanted = re.sub(r"[\W_]", "", metric).lower()
    near = difflib.get_close_matches(wanted, list(plain), n=1, cutoff=0.6)
    inside = [name for name in plain if wanted in name or (len(name) > 2 and name in wanted)]
    return plain[(near or inside)[0]] if near or inside else ""


def _metric(trial: Trial) -> str:
    return (trial.spec.objective or ObjectiveSpec()).objective_metric_name


def _kind(trial: Trial) -> str:
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind or "StdOut"


def _filters(trial: Trial) -> Sequence[str]:
    source = trial.spec.metrics_collector.source or SourceSpec()
    return (source.filter or FilterSpec()).metrics_format
