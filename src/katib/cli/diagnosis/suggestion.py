"""The second station: the suggestion, and so the algorithm."""

from __future__ import annotations

from datetime import UTC, datetime

from katib.api import conditions, names
from katib.api.codec import format_time
from katib.api.suggestion import Suggestion
from katib.api.values import Condition
from katib.cli.diagnosis.finding import Finding, object_of
from katib.cli.diagnosis.scene import Scene, progress_of
from katib.cli.numbers import age

_REFUSAL = "Validation failed: "

#: Reason → cause and fix, for what a suggestion says it waits for.
_WAITS = {
    "AlgorithmUnavailable": (
        "the algorithm cannot be reached",
        "see that its service runs and that the address in the configuration is right; it is asked "
        "again by itself",
    ),
    "AlgorithmFailed": (
        "the algorithm fails",
        "mend it, or take another in spec.algorithm; it is asked again a few times more",
    ),
    "TooFewAssignments": (
        "the algorithm gives too few assignments",
        "if it does not give more, lower spec.parallelTrialCount or spec.maxTrialCount, widen the "
        "search space, or take another algorithm",
    ),
    "SuggestionFallback": (
        "the algorithm crashes, and evenly spread points take its place",
        "see why in engine.log in the home; raise init.controller.workerMemory if it lacks memory, "
        "or take another algorithm",
    ),
    "HistoryForgotten": (
        "the algorithm's service was restarted and has forgotten its trials",
        "nothing needs to be done: it goes on with what it learns from now on; if that is too "
        "little, start the experiment afresh",
    ),
    "WaitingForDeployment": (
        "the algorithm is being deployed",
        "if it does not become ready, look at its Deployment and its pods",
    ),
}


def find_refusal(scene: Scene) -> Finding | None:
    """The algorithm has refused the experiment, or has failed for good."""
    suggestion = scene.suggestion
    if suggestion is None:
        return None
    failed = conditions.find(suggestion.status.conditions, names.FAILED)
    if failed is None or failed.status != "True":
        return None
    if failed.message.startswith(_REFUSAL):
        return Finding(
            "the algorithm refuses the experiment",
            "AlgorithmSettingsRefused",
            failed.message.removeprefix(_REFUSAL),
            f"change spec.algorithm or spec.parameters, then {scene.words.afresh}",
            object_of(suggestion),
        )
    return Finding(
        "the algorithm has failed",
        "AlgorithmFailed",
        failed.message,
        f"mend it or take another in spec.algorithm, then {scene.words.afresh}",
        object_of(suggestion),
    )


def find_shortage(scene: Scene, now: datetime | None = None) -> Finding | None:
    """The algorithm gives less than it is asked for, and it is waited for.

    Args:
        scene: what is looked at.
        now: for ages; the present when it is left out.
    """
    suggestion = scene.suggestion
    if suggestion is None:
        return None
    said = progress_of(suggestion.status.conditions)
    if said is None or said.reason not in _WAITS:
        return None
    cause, fix = _WAITS[said.reason]
    message = "; ".join((said.message, *_counts(suggestion, said), *_since(said, now)))
    return Finding(cause, said.reason, message, fix, object_of(suggestion))


def _counts(suggestion: Suggestion, said: Condition) -> tuple[str, ...]:
    wanted, given = suggestion.spec.requests, suggestion.status.suggestion_count
    told = f"{given} of {wanted} assignments"
    return () if told in said.message else (f"it has given {told}",)


def _since(said: Condition, now: datetime | None) -> tuple[str, ...]:
    since = said.last_transition_time
    if since is None:
        return ()
    return (f"since {format_time(since)} ({age(since, now or datetime.now(UTC))} ago)",)
