"""The walk from an experiment to its metrics, which stops at the first cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from katib.api import conditions, names
from katib.cli.diagnosis import experiment, suggestion, trials
from katib.cli.diagnosis.finding import Finding
from katib.cli.diagnosis.scene import Scene

Station = Callable[[Scene], Finding | None]

#: What may be wrong with an experiment that is not over. What needs help comes before an engine
#: that is absent: whoever stopped it wants to know why nothing happened.
_GOING: Sequence[Station] = (
    experiment.find_missing_template,
    suggestion.find_refusal,
    suggestion.find_shortage,
    trials.find_stall,
    experiment.find_fault,
    experiment.find_absent_engine,
    trials.find_failures,
    trials.find_incomparable,
)
#: What may be wrong with one that is over.
_OVER: Sequence[Station] = (
    suggestion.find_refusal,
    experiment.find_unmade_trial,
    trials.find_failures,
    trials.find_incomparable,
)
_GOOD_ENDS = ("ExperimentGoalReached", "ExperimentSuggestionEndReached")


def diagnose(scene: Scene) -> Finding:
    """The first cause, or what the experiment waits for when nothing is wrong."""
    if scene.is_completed:
        if _is_good(scene):
            return experiment.find_end(scene)
        return _first(scene, _OVER) or experiment.find_end(scene)
    found = _first(scene, _GOING)
    if found is None:
        return experiment.find_progress(scene)
    if scene.engine is None and found.reason != "NoEngine":
        return replace(found, fix=f"{found.fix}; {scene.words.also_revive}")
    return found


def _first(scene: Scene, stations: Sequence[Station]) -> Finding | None:
    findings = (station(scene) for station in stations)
    return next((found for found in findings if found is not None), None)


def _is_good(scene: Scene) -> bool:
    """Whether the experiment ended by itself, with an optimum: failures beside it matter little."""
    status = scene.experiment.status
    succeeded = conditions.find(status.conditions, names.SUCCEEDED)
    if succeeded is None or succeeded.status != "True":
        return False
    return succeeded.reason in _GOOD_ENDS and bool(status.current_optimal_trial.best_trial_name)
