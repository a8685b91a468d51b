"""Why an experiment does not go on, or did not succeed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import JOBS, PODS
from katib.api.numbers import parse_number
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Resource, Unstructured
from katib.apps.home import Home
from katib.cli.logs import find_logs
from katib.cli.objective import show_objective
from katib.ports.resource_store import ResourceReader, Selector
from katib.stores.events import list_events


class Diagnosis:
    """Walks from an experiment to its metrics and stops at the first thing that is wrong.

    Args:
        reader: where the resources are.
        home: for events and logs.
        key: the experiment.
    """

    def __init__(self, reader: ResourceReader, home: Home, key: Key) -> None:
        self._reader, self._home, self._key = reader, home, key

    def lines(self) -> Iterator[str]:
        """What to tell the user: how far all is well, the first cause, the fix."""
        experiment = self._reader.get(EXPERIMENTS, self._key)
        yield from self._state(experiment)
        steps = (self._suggestion(experiment), self._trials(experiment), self._engine(experiment))
        for step in steps:
            cause = list(step)
            if cause:
                yield from cause
                return
        yield "nothing is wrong"

    def _state(self, experiment: Experiment) -> Iterator[str]:
        status, name = experiment.status, experiment.metadata.name
        newest = conditions.newest(status.conditions)
        said = f"{newest.type}: {newest.message}" if newest else "not looked at by an engine yet"
        yield f"experiment {name}: {said}"
        yield (
            f"trials: {status.trials} of {experiment.spec.max_trial_count or 'no limit'}, "
            f"{status.trials_succeeded} succeeded, {status.trials_failed} failed, "
            f"{status.trial_metrics_unavailable} without metrics, "
            f"{status.trials_running + status.trials_pending} active"
        )
        for message in self._warnings(experiment):
            yield f"experiment {name}: {message}"

    def _suggestion(self, experiment: Experiment) -> Iterator[str]:
        suggestion = self._reader.find(SUGGESTIONS, self._key)
        if suggestion is None:
            return
        refused = conditions.find(suggestion.status.conditions, names.FAILED)
        if refused is not None:
            yield f"the algorithm refused the experiment: {refused.message}"
            yield "fix: change spec.algorithm or spec.parameters, then: katib run FILE --replace"
            return
        if self._is_completed(experiment):
            return
        yield from self._shortage(suggestion)

    def _shortage(self, suggestion: Suggestion) -> Iterator[str]:
        wanted, given = suggestion.spec.requests, suggestion.status.suggestion_count
        warnings = self._warnings(suggestion)
        if given < wanted and conditions.has(suggestion.status.conditions, names.EXHAUSTED):
            yield f"the algorithm ended its search after {given} assignments"
        elif given < wanted and warnings:
            yield f"the algorithm gave {given} of {wanted} assignments: {warnings[-1]}"

    def _trials(self, experiment: Experiment) -> Iterator[str]:
        where = Selector(self._key.namespace, {names.LABEL_EXPERIMENT: self._key.name})
        trials = self._reader.list(TRIALS, where)
        going = [trial for trial in trials if not trial.is_completed]
        for trial in going:
            cause = list(self._going(trial))
            if cause:
                yield from cause
                return
        for wanted in (names.METRICS_UNAVAILABLE, names.FAILED):
            found = [trial for trial in trials if trial.has(wanted)]
            if found:
                yield from self._ended(found, wanted)
                return
        found = [trial for trial in trials if _is_incomparable(trial)]
        if found:
            yield from self._ended(found, names.SUCCEEDED)

    def _going(self, trial: Trial) -> Iterator[str]:
        name = trial.metadata.name
        warnings = self._warnings(trial)
        if warnings:
            yield f"trial {name}: {warnings[-1]}"
            return
        job = self._reader.find(JOBS, trial.key)
        ended = [] if job is None else _ends(job)
        if ended:
            yield f"trial {name}: its Job has ended ({ended[-1]}), but no condition of the template"
            yield f"  matches: successCondition {trial.spec.success_condition}"
            yield f"           failureCondition {trial.spec.failure_condition}"
            yield "fix: correct them, or leave them out: a Job has defaults that match"
            return
        failed = 0 if job is None else int(job.status.get("failed", 0))
        where = Selector(trial.metadata.namespace, {names.LABEL_JOB: name})
        for pod in self._reader.list(PODS, where):
            for container in pod.status.get("containerStatuses", ()):
                waiting = container["state"].get("waiting", {})
                if waiting.get("reason") == "CrashLoopBackOff":
                    yield f"trial {name}: container {container['name']} waits to be run again; "
                    yield f"{waiting.get('message')}. See: katib logs {name}"
                    return
        if failed:
            yield f"trial {name}: its program failed {failed} times and is tried again"
            yield f"see: katib logs {name}; backoffLimit in the Job says how often it is tried"

    def _ended(self, trials: Sequence[Trial], how: str) -> Iterator[str]:
        trial = trials[-1]
        name = trial.metadata.name
        many = f"{len(trials)} trials" if len(trials) > 1 else "1 trial"
        if how == names.METRICS_UNAVAILABLE:
            yield f"{many} ended without the metric, such as {name}:"
            yield from (f"  {message}" for message in self._warnings(trial)[-2:])
            yield (
                "fix: let the program print the metric as name=number, or give "
                "spec.metricsCollectorSpec.source.filter.metricsFormat a filter that finds it"
            )
        elif how == names.SUCCEEDED:
            yield f"{many} ended well without a number as metric, such as {name}:"
            yield from (f"  {message}" for message in self._warnings(trial)[-1:])
        else:
            yield f"{many} failed, such as {name}:"
            yield f"  {trial.status.conditions[-1].message}"
        logs = find_logs(self._home, trial)
        if logs:
            yield f"its log: {logs[-1]}"

    def _engine(self, experiment: Experiment) -> Iterator[str]:
        if not self._is_completed(experiment) and self._home.holder() is None:
            yield "no engine is running in this home, so nothing happens"
            yield "fix: start the same katib run command again; the experiment goes on"

    def _is_completed(self, experiment: Experiment) -> bool:
        found = experiment.status.conditions
        return conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)

    def _warnings(self, resource: Resource) -> list[str]:
        events = list_events(self._home.resources, resource)
        return [str(event.body["message"]) for event in events if event.body["type"] == "Warning"]


def _ends(job: Unstructured) -> list[str]:
    """The final conditions that a Job has."""
    found = job.status.get("conditions") or ()
    return [one["type"] for one in found if one["type"] in ("Complete", "Failed")]


def _is_incomparable(trial: Trial) -> bool:
    """Whether the trial succeeded with an objective that is no number, such as ``nan``."""
    if not trial.has(names.SUCCEEDED):
        return False
    number = parse_number(show_objective(trial.spec.objective, trial.status.observation))
    return number is None or math.isnan(number)
