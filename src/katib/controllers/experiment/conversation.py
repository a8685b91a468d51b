"""The experiment's side of its suggestion: asking, ending, going on again."""

from __future__ import annotations

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import Experiment
from katib.api.suggestion import SUGGESTIONS, Suggestion, TrialAssignment
from katib.api.values import Condition, Key
from katib.controllers.experiment.building import build_suggestion
from katib.controllers.experiment.ledger import TrialLedger
from katib.ports.clock import Clock
from katib.ports.resource_store import ResourceStore


class Conversation:
    """What an experiment does with its suggestion.

    Args:
        store: where suggestions are.
        clock: for the times of conditions.
    """

    def __init__(self, store: ResourceStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def find(self, key: Key) -> Suggestion | None:
        """The suggestion of the experiment of that key."""
        return self._store.find(SUGGESTIONS, key)

    def is_exhausted(self, suggestion: Suggestion | None, ledger: TrialLedger) -> bool:
        """Whether the search has ended, and all that it gave are trials."""
        if suggestion is None or new_assignments(suggestion, ledger):
            return False
        return conditions.has(suggestion.status.conditions, names.EXHAUSTED)

    def ask(self, experiment: Experiment, suggestion: Suggestion | None, requests: int) -> None:
        """Let there be as many requests."""
        if suggestion is None:
            self._store.create(SUGGESTIONS, build_suggestion(experiment, requests))
        elif suggestion.spec.requests != requests:
            spec = replace(suggestion.spec, requests=requests)
            self._store.update(SUGGESTIONS, replace(suggestion, spec=spec))

    def restart(self, key: Key) -> None:
        """The experiment goes on: so must the suggestion that ended with it."""
        suggestion = self.find(key)
        if suggestion is None or not conditions.has(suggestion.status.conditions, names.SUCCEEDED):
            return
        kept = conditions.remove(suggestion.status.conditions, names.SUCCEEDED)
        stopped = _not_running("Experiment is restarting")
        self._write(suggestion, conditions.put(kept, stopped, self._clock.now()))

    def end(self, experiment: Experiment) -> None:
        """The experiment is over: its suggestion ends, if the resume policy says so."""
        policy = experiment.spec.resume_policy
        suggestion = self.find(experiment.key)
        if policy == names.LONG_RUNNING or suggestion is None:
            return
        found = suggestion.status.conditions
        if conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED):
            return
        now = self._clock.now()
        found = conditions.show_progress(found, None, now)
        if conditions.find(found, names.DEPLOYMENT_READY) is not None:
            found = conditions.put(found, _NOT_DEPLOYED, now)
        if conditions.find(found, names.RUNNING) is not None:
            found = conditions.put(found, _not_running("Suggestion is succeeded"), now)
        after = (
            ", suggestion volume is not deleted, can be restarted"
            if policy == names.FROM_VOLUME
            else ", can't be restarted"
        )
        succeeded = Condition(
            type=names.SUCCEEDED,
            status="True",
            reason="Experiment is succeeded",
            message=f"Suggestion is succeeded{after}",
        )
        self._write(suggestion, conditions.put(found, succeeded, now))

    def _write(self, suggestion: Suggestion, found: conditions.Conditions) -> None:
        status = replace(suggestion.status, conditions=found)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))


def new_assignments(suggestion: Suggestion, ledger: TrialLedger) -> list[TrialAssignment]:
    """The assignments that are no trials yet, when there are more of them than trials."""
    missing = suggestion.status.suggestion_count - ledger.made
    found: list[TrialAssignment] = []
    for one in reversed(suggestion.status.suggestions):
        if len(found) >= missing:
            break
        if one.name not in ledger:
            found.append(one)
    return found[::-1]


_NOT_DEPLOYED = Condition(
    type=names.DEPLOYMENT_READY,
    status="False",
    reason="Suggestion is succeeded",
    message="Deployment is not ready",
)


def _not_running(reason: str) -> Condition:
    return Condition(
        type=names.RUNNING, status="False", reason=reason, message="Suggestion is not running"
    )
