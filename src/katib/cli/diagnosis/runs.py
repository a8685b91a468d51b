"""The fourth station: a trial's run, its pods and the program in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from katib.api import conditions, names
from katib.api.codec import from_raw
from katib.api.trial import Trial
from katib.api.values import Condition, Manifest, Unstructured
from katib.cli.diagnosis.finding import Finding, object_of, shorten
from katib.cli.diagnosis.scene import Scene

#: How much of a command is shown.
LONGEST_COMMAND = 200


@dataclass(frozen=True, slots=True)
class Sort:
    """A way in which runs fail: how it is told, and what mends it."""

    reason: str
    cause: str
    fix: str


PROGRAM_NOT_FOUND = Sort(
    "ProgramNotFound",
    "the program was not found",
    "correct the command and the workingDir in the template; on one machine an image is not used, "
    "but --image NAME=PATH says what stands for it",
)
NOT_STARTED = Sort(
    "ContainerNotStarted", "a container cannot be started", "correct the container in the template"
)
CONDITIONS_NEVER_MATCH = Sort(
    "ConditionsNeverMatch",
    "no condition of the template matches the run",
    "correct successCondition and failureCondition",
)
PROGRAM_FAILED = Sort(
    "ProgramFailed", "the program fails", "mend the program; its whole output: {output}"
)

#: What the message of a failed run looks like, most telling first; the last takes everything.
_BY_MESSAGE = (
    (
        r"exit(?:ed with)? code 127|executable file not found|exec.*no such file or directory",
        PROGRAM_NOT_FOUND,
    ),
    (r"was not started: ", NOT_STARTED),
    (
        r"exit(?:ed with)? code 126|permission denied.*exec|exec.*permission denied",
        Sort(
            "ProgramNotExecutable",
            "the program may not be executed",
            "make it executable, or start it with its interpreter",
        ),
    ),
    (
        r"active longer than specified deadline|DeadlineExceeded|was active for \d+ s",
        Sort(
            "DeadlineExceeded",
            "the program takes too long",
            "raise activeDeadlineSeconds in the template, or let the program do less",
        ),
    ),
    (
        r"SIGKILL|exit code 137|OOMKilled",
        Sort(
            "ProgramKilled",
            "the program was killed",
            "often for its memory: let it take less, raise the limits in the template, or lower "
            "spec.parallelTrialCount",
        ),
    ),
    (r"", PROGRAM_FAILED),
)
_BY_REASON = {
    "TimeoutExceeded": Sort(
        "TimeoutExceeded",
        "the function takes too long",
        "raise timeoutSeconds in the template, or let the function do less",
    ),
    "MemoryLimitExceeded": Sort(
        "MemoryLimitExceeded",
        "the function takes too much memory",
        "raise memoryLimit in the template, let the function take less, or lower "
        "spec.parallelTrialCount",
    ),
    "WorkerCrashed": Sort(
        "WorkerCrashed",
        "the function crashes its process",
        "mend the function, or a library that it uses; where it was: {output}",
    ),
    "WorkerEnded": Sort(
        "WorkerEnded",
        "the function ends its process",
        "let it return its metrics, or raise an exception",
    ),
    "FunctionNotLoaded": Sort(
        "FunctionNotLoaded",
        "the function cannot be loaded",
        "tune the function again, where the modules that it needs are found",
    ),
    "NoMetricsReturned": Sort(
        "NoMetricsReturned",
        "the function returns no numbers",
        "return a number for each metric",
    ),
    "ConditionsNotMet": CONDITIONS_NEVER_MATCH,
    "NonFiniteObjective": Sort(
        "NonFiniteObjective",
        "the metric is nan or infinite",
        "a diverging loss often wants a smaller learning rate, so narrow spec.parameters; or let "
        "spec.objective.nonFinite be penalise, so that such trials succeed and count as bad",
    ),
    "KindNotRunnable": Sort(
        "RunKindUnknown",
        "the kind of the run is not run here",
        "make the template a Job or a Pod, or run the experiment where the kind is known",
    ),
}


def sort_of(trial: Trial) -> Sort:
    """How a failed trial's run failed, by what the trial says of it."""
    failed = conditions.find(trial.status.conditions, names.FAILED) or Condition()
    for reason, sort in _BY_REASON.items():
        if reason in failed.reason:
            return sort
    return _sort_of_message(failed.message)


def explain_failure(scene: Scene, trial: Trial) -> Finding:
    """Why a failed trial's run failed."""
    sort = sort_of(trial)
    failed = conditions.find(trial.status.conditions, names.FAILED) or Condition()
    if sort is CONDITIONS_NEVER_MATCH:
        return _explain_conditions(scene, trial, failed.message)
    if sort is PROGRAM_FAILED:
        found = find_unstarted(scene, trial)
        if found is not None:
            return found
    message = failed.message
    if sort in (PROGRAM_NOT_FOUND, NOT_STARTED):
        message = f"{message}\nthe command: {command_of(trial)}"
    return _finding(scene, sort, trial, message)


def find_unstarted(scene: Scene, trial: Trial) -> Finding | None:
    """A pod of the trial has a container that could not be started, now or the last time."""
    for pod in scene.pods_of(trial):
        for name, state in _ended_states(pod):
            why, code = str(state.get("message") or ""), state.get("exitCode")
            is_start_error = state.get("reason") in ("StartError", "ContainerCannotRun")
            if code != 127 and not is_start_error:
                continue
            sort = _sort_of_message(why) if is_start_error else PROGRAM_NOT_FOUND
            sort = NOT_STARTED if sort is PROGRAM_FAILED else sort
            seen = f"container {name} of pod {pod.metadata.name} ended with exit code {code}"
            detail = f": {why}" if why else ""
            return _finding(scene, sort, trial, f"{seen}{detail}\nthe command: {command_of(trial)}")
    return None


def find_unmatched(scene: Scene, trial: Trial, ending: str, problem: str = "") -> Finding:
    """A run whose end no condition of the template recognises."""
    kind = "Job" if (run := scene.run_of(trial)) is None else run.kind
    detail = f" ({problem})" if problem else ""
    lines = [
        f"trial {trial.metadata.name}: its {kind} has ended ({ending}), but no condition of the "
        f"template matches{detail}:",
        f"  successCondition {trial.spec.success_condition or '(none)'}",
        f"  failureCondition {trial.spec.failure_condition or '(none)'}",
        *(f"  the {kind} has {told}" for told in _conditions_of(run)),
    ]
    found = _finding(scene, CONDITIONS_NEVER_MATCH, trial, "\n".join(lines))
    more = ", or leave both out: a Job has defaults that match" if kind == "Job" else ""
    return Finding(found.cause, found.reason, found.message, found.fix + more, found.object)


def containers_of(trial: Trial) -> list[Manifest]:
    """All containers that the trial's manifest describes, wherever it describes them."""
    manifest = {} if trial.spec.run_spec is UNSET else from_raw(trial.spec.run_spec)
    return list(_containers(manifest))


def command_of(trial: Trial) -> str:
    """The command line of the trial's primary container, shortened."""
    found = containers_of(trial)
    primary = [one for one in found if one.get("name") == trial.spec.primary_container_name]
    for container in primary or found:
        words = (*(container.get("command") or ()), *(container.get("args") or ()))
        return shorten(" ".join(str(word) for word in words), LONGEST_COMMAND) or "(none)"
    return "(none)"


def _explain_conditions(scene: Scene, trial: Trial, message: str) -> Finding:
    ending = re.search(r"has ended \((\w+)\)", message)
    problem = re.search(r" matches it \((.+)\)$", message, re.DOTALL)
    return find_unmatched(
        scene, trial, ending[1] if ending else "it says how itself", problem[1] if problem else ""
    )


def _conditions_of(run: Unstructured | None) -> Iterator[str]:
    if run is None:
        return
    if "phase" in run.status:
        yield f"phase {run.status['phase']}"
    for one in run.status.get("conditions") or ():
        reason = f" ({one['reason']})" if one.get("reason") else ""
        yield f"condition {one.get('type')}={one.get('status')}{reason}"


def _sort_of_message(message: str) -> Sort:
    found = (sort for pattern, sort in _BY_MESSAGE if re.search(pattern, message))
    return next(found)


def _ended_states(pod: Unstructured) -> Iterator[tuple[str, Manifest]]:
    """Containers by name, and how each ended, now or the last time."""
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in pod.status.get(part) or ():
            for state in ("state", "lastState"):
                ended = (container.get(state) or {}).get("terminated")
                if ended:
                    yield str(container.get("name")), ended


def _containers(value: Any) -> Iterator[Manifest]:
    if isinstance(value, list):
        for item in value:
            yield from _containers(item)
    if not isinstance(value, dict):
        return
    for name, part in value.items():
        if name in ("containers", "initContainers") and isinstance(part, list):
            yield from (one for one in part if isinstance(one, dict))
        else:
            yield from _containers(part)


def _finding(scene: Scene, sort: Sort, trial: Trial, message: str) -> Finding:
    fix = sort.fix.format(output=scene.words.output.format(trial=trial.metadata.name))
    return Finding(sort.cause, sort.reason, message, fix, object_of(trial))
