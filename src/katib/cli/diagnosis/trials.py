"""The third station: the trials, those under way and those that ended badly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from katib.api import conditions, names
from katib.api.codec import to_manifest
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.cli.diagnosis.experiment import how_to_go_on
from katib.cli.diagnosis.finding import Finding, object_of, shorten
from katib.cli.diagnosis.metrics import (
    explain_incomparable,
    explain_missing,
    find_wrong_container,
    is_incomparable,
)
from katib.cli.diagnosis.runs import explain_failure, find_unmatched, find_unstarted, sort_of
from katib.cli.diagnosis.scene import SAMPLE, Scene, progress_of
from katib.controllers.trial.gjson import MatchError, find_match
from katib.controllers.trial.waiting import find_ending, find_wait

#: How many trials under way are looked at closely, the oldest.
LOOKED_AT = 20

#: How much is told of each sort of failure beside the most frequent one.
LONGEST_ALSO = 400

_UNMEASURED = "unmeasured"

#: Reason → cause and fix, for what a trial under way waits for.
_WAITS = {
    "PodUnschedulable": (
        "no node has room for the pods",
        "free or add resources, lower the requests of the template's containers, or lower "
        "spec.parallelTrialCount",
    ),
    "RunSuspended": (
        "the runs are suspended",
        "a queue starts them when there is room; where none does, take suspend out of the template",
    ),
    "NoPrimaryPod": (
        "no pod has the labels of the primary one",
        "correct spec.trialTemplate.primaryPodLabels, or give the template's pods these labels; "
        "trials that wait end without metrics",
    ),
    "ObservationLogUnavailable": (
        "the observation log cannot be reached",
        "see that its database runs and can be read and written; the trials go on by themselves",
    ),
    "CrashLoopBackOff": (
        "a program ends and is run again",
        "mend the program; its output: {output}",
    ),
    "ImagePullBackOff": (
        "an image cannot be pulled",
        "correct the image in the template, or the access to its registry",
    ),
}
_SAME = {"ErrImagePull": "ImagePullBackOff", "InvalidImageName": "ImagePullBackOff"}
_OTHER = (
    "a container cannot be started",
    "correct what the pod says of itself; the trial goes on by itself",
)


def find_stall(scene: Scene) -> Finding | None:
    """Trials are under way, and one of them waits for something that does not come by itself."""
    waits: dict[str, list[tuple[Trial, Condition]]] = {}
    for trial in scene.active:
        said = progress_of(trial.status.conditions) or _seen_wait(scene, trial)
        if said is not None and said.status == "False":
            waits.setdefault(said.reason, []).append((trial, said))
    if waits:
        return _explain_waits(scene, max(waits.values(), key=len))
    for trial in scene.active[:LOOKED_AT]:
        found = find_wrong_container(trial) or _find_unjudged(scene, trial)
        found = found or _find_retry(scene, trial)
        if found is not None:
            return found
    return None


def find_failures(scene: Scene) -> Finding | None:
    """Trials failed, or ended without their metric: for what most of them did."""
    status = scene.experiment.status
    groups: dict[str, list[Trial]] = {}
    for trial in scene.trials(status.metrics_unavailable_trial_list):
        groups.setdefault(_UNMEASURED, []).append(trial)
    for trial in scene.trials(status.failed_trial_list):
        groups.setdefault(sort_of(trial).reason, []).append(trial)
    if not groups:
        return None
    first, *others = sorted(groups.values(), key=len, reverse=True)
    found = _explain(scene, first[-1])
    ended = len(status.failed_trial_list), len(status.metrics_unavailable_trial_list)
    head = f"of the newest {SAMPLE}, " if max(ended) > SAMPLE else ""
    lines = [f"{head}{_counted(first)}, such as {first[-1].metadata.name}:", found.message]
    log = scene.log_of(first[-1])
    lines += [f"its log: {log}"] if log else []
    lines += [_also(scene, group) for group in others]
    lines += _limit(scene)
    return replace(found, message="\n".join(lines), fix=f"{found.fix}; {_afterwards(scene)}")


def find_incomparable(scene: Scene) -> Finding | None:
    """Trials succeeded with a metric that is no number."""
    trials = scene.trials(scene.experiment.status.succeeded_trial_list)
    found = [trial for trial in trials if is_incomparable(trial)]
    if not found:
        return None
    finding = explain_incomparable(scene, found[-1])
    head = f"{_many(found)} ended well without a number as metric, such as "
    message = f"{head}{found[-1].metadata.name}:\n{finding.message}"
    return replace(finding, message=message)


def _explain_waits(scene: Scene, waits: Sequence[tuple[Trial, Condition]]) -> Finding:
    trial, said = waits[0]
    if said.reason == "CrashLoopBackOff":
        found = find_unstarted(scene, trial)
        if found is not None:
            return found
    cause, fix = _WAITS.get(_SAME.get(said.reason, said.reason), _OTHER)
    name = trial.metadata.name
    head = f"{len(waits)} of {len(scene.active)} trials under way wait, such as {name}:"
    message = f"{head}\n{said.message}"
    return Finding(cause, said.reason, message, _filled(scene, fix, name), object_of(trial))


def _filled(scene: Scene, fix: str, trial: str) -> str:
    return fix.format(output=scene.words.output.format(trial=trial))


def _seen_wait(scene: Scene, trial: Trial) -> Condition | None:
    """What a run waits for that its trial does not say yet."""
    run = scene.run_of(trial)
    return None if run is None else find_wait(run, scene.pods_of(trial))


def _find_unjudged(scene: Scene, trial: Trial) -> Finding | None:
    """A run has ended, and no condition of the template matches it."""
    run = scene.run_of(trial)
    ending = None if run is None else find_ending(run)
    if run is None or ending is None:
        return None
    document = to_manifest(run)
    try:
        for path in (trial.spec.failure_condition, trial.spec.success_condition):
            if find_match(path, document) is not None:
                return None
    except MatchError as error:
        return find_unmatched(scene, trial, ending, str(error))
    return find_unmatched(scene, trial, ending)


def _find_retry(scene: Scene, trial: Trial) -> Finding | None:
    run = scene.run_of(trial)
    failed = 0 if run is None else int(run.status.get("failed") or 0)
    found = find_unstarted(scene, trial)
    if found is not None or not failed:
        return found
    name = trial.metadata.name
    output = scene.words.output.format(trial=name)
    return Finding(
        "a program fails and is tried again",
        "ProgramRetried",
        f"trial {name}: its program failed {failed} times and is tried again",
        f"see: {output}; backoffLimit in the Job says how often it is tried",
        object_of(trial),
    )


def _explain(scene: Scene, trial: Trial) -> Finding:
    if trial.has(names.METRICS_UNAVAILABLE):
        return explain_missing(scene, trial)
    return explain_failure(scene, trial)


def _also(scene: Scene, group: Sequence[Trial]) -> str:
    found = _explain(scene, group[-1])
    told = shorten(found.message, LONGEST_ALSO)
    return f"also {_counted(group)} ({found.cause}), such as {group[-1].metadata.name}: {told}"


def _counted(group: Sequence[Trial]) -> str:
    is_unmeasured = group[-1].has(names.METRICS_UNAVAILABLE)
    how = "ended without the metric" if is_unmeasured else "failed"
    return f"{_many(group)} {how}"


def _many(group: Sequence[Trial]) -> str:
    return "1 trial" if len(group) == 1 else f"{len(group)} trials"


def _limit(scene: Scene) -> list[str]:
    """That the failures have ended the experiment, if they have."""
    status, spec = scene.experiment.status, scene.experiment.spec
    if not conditions.has(status.conditions, names.FAILED):
        return []
    failed = status.trials_failed + status.trial_metrics_unavailable
    limit = spec.max_failed_trial_count
    return [
        f"in all, {failed} of {status.trials} trials failed; spec.maxFailedTrialCount is {limit}, "
        "so the experiment has failed"
    ]


def _afterwards(scene: Scene) -> str:
    found = scene.experiment.status.conditions
    if conditions.has(found, names.FAILED):
        return (
            f"then {scene.words.afresh}. If some failures belong to the search, raise "
            "spec.maxFailedTrialCount"
        )
    if conditions.has(found, names.SUCCEEDED):
        return how_to_go_on(scene)
    return "the trials to come are made of the same template"
