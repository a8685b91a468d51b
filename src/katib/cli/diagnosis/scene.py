"""What a diagnosis looks at: one experiment, and what belongs to it, read when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from katib.api import conditions, names
from katib.api.experiment import Experiment
from katib.api.kinds import PODS
from katib.api.suggestion import SUGGESTIONS, Suggestion
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, Resource, Unstructured
from katib.cli.diagnosis.places import Place, Words
from katib.controllers.trial.runs import kind_of_run
from katib.ports.resource_store import ResourceReader, Selector

#: How many trials of each sort are read, the newest.
SAMPLE = 500


class Scene:
    """One experiment, with its suggestion, trials, runs, events and logs.

    Args:
        reader: where the resources are.
        place: for events, logs and the engine.
        experiment: which.
    """

    def __init__(self, reader: ResourceReader, place: Place, experiment: Experiment) -> None:
        self.reader, self._place, self.experiment = reader, place, experiment

    @property
    def is_completed(self) -> bool:
        """Whether the experiment succeeded or failed."""
        found = self.experiment.status.conditions
        return conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)

    @cached_property
    def suggestion(self) -> Suggestion | None:
        """The conversation with the algorithm, if it has begun."""
        return self.reader.find(SUGGESTIONS, self.experiment.key)

    @cached_property
    def engine(self) -> str | None:
        """The engine of the place, in words; ``None`` when none is running."""
        return self._place.engine()

    @property
    def words(self) -> Words:
        """What to do there, as fixes say it."""
        return self._place.words

    @cached_property
    def active(self) -> Sequence[Trial]:
        """The trials under way."""
        status = self.experiment.status
        found = self.trials((*status.running_trial_list, *status.pending_trial_list))
        return [trial for trial in found if not trial.is_completed]

    def trials(self, given: Sequence[str]) -> Sequence[Trial]:
        """Of the trials of these names, the newest :data:`SAMPLE` that still exist."""
        namespace = self.experiment.metadata.namespace
        found = (self.reader.find(TRIALS, Key(namespace, name)) for name in given[-SAMPLE:])
        return [trial for trial in found if trial is not None]

    def run_of(self, trial: Trial) -> Unstructured | None:
        """The trial's run, while it is there."""
        run: Unstructured | None = self.reader.find(kind_of_run(trial), trial.key)
        return run

    def pods_of(self, trial: Trial) -> Sequence[Unstructured]:
        """The pods of the trial's run, while they are there."""
        return self._pods.get(trial.metadata.name, ())

    def warnings(self, resource: Resource) -> Sequence[tuple[str, str]]:
        """Reasons and messages of the warnings about a resource, the newest last."""
        told = self._place.events(resource)
        return [(one["reason"], one["message"]) for one in told if one["type"] == "Warning"]

    def warning(self, resource: Resource, reason: str) -> str:
        """The newest warning for that reason; empty when there is none."""
        found = [message for why, message in self.warnings(resource) if why == reason]
        return found[-1] if found else ""

    def log_of(self, trial: Trial) -> str:
        """Where the newest log of the trial is; empty when there is none."""
        return self._place.log_of(trial)

    def log_tail(self, trial: Trial) -> str:
        """The end of that log."""
        return self._place.log_tail(trial)

    @cached_property
    def _pods(self) -> Mapping[str, Sequence[Unstructured]]:
        """All pods of the namespace, by the Job or the Pod of a trial."""
        found: dict[str, list[Unstructured]] = {}
        for pod in self.reader.list(PODS, Selector(self.experiment.metadata.namespace)):
            job = (
                pod.metadata.label(names.LABEL_TRIAL)
                or pod.metadata.label(names.LABEL_JOB)
                or pod.metadata.name
            )
            found.setdefault(job, []).append(pod)
        return found


def progress_of(found: conditions.Conditions) -> Condition | None:
    """What is waited for, as a resource's conditions say it."""
    return conditions.find(found, names.PROGRESSING)
