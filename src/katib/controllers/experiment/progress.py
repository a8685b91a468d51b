"""What an experiment waits for. Pure."""

from __future__ import annotations

from katib.api import conditions, names
from katib.api.experiment import Experiment
from katib.api.suggestion import Suggestion
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.controllers.experiment.planning import asked_trials, is_stopped, is_suspended


def find_progress(
    suggestion: Suggestion | None, active: int, stalled: tuple[Trial, ...]
) -> Condition:
    """The ``Progressing`` condition of an experiment that is not over.

    It is ``False`` when nothing will happen without help: no trial is under way and the algorithm
    gives none, or every trial under way waits for something that does not come.

    Args:
        suggestion: the conversation with the algorithm, if it has begun.
        active: how many trials are under way.
        stalled: those of them that say that they wait, the oldest first.
    """
    if active and len(stalled) < active:
        return conditions.progress("True", "TrialsRunning", "Trials are under way")
    if stalled:
        first = stalled[0]
        why = conditions.find(first.status.conditions, names.PROGRESSING) or Condition()
        message = f"Trial {first.metadata.name}: {why.message}"
        return conditions.progress(why.status, why.reason, message)
    if suggestion is not None:
        said = conditions.find(suggestion.status.conditions, names.PROGRESSING)
        if said is not None:
            return conditions.progress(said.status, said.reason, said.message)
    return conditions.progress(
        "True", "WaitingForSuggestion", "The algorithm is asked for assignments"
    )


def find_halt(experiment: Experiment, active: int) -> Condition | None:
    """That no trials are made since somebody wants that, as a ``Progressing`` condition.

    Args:
        experiment: that is suspended or stopped; of any other there is nothing to say.
        active: how many trials are under way.
    """
    if is_stopped(experiment):
        message = (
            f"No new trials are made: the annotation {names.ANNOTATION_STOP} has stopped the "
            "experiment, which ends when those that are under way have ended"
        )
        return conditions.progress("True", "Stopping", message)
    if not is_suspended(experiment):
        return None
    # Once none is under way, nothing happens until somebody takes it back.
    status, going = ("True", "; those that are under way go on") if active else ("False", "")
    message = (
        f"No new trials are made{going}: the annotation {names.ANNOTATION_SUSPEND} has suspended "
        "the experiment. Without it, it goes on: see katib resume"
    )
    return conditions.progress(status, "Suspended", message)


def find_unasked(experiment: Experiment, made: int) -> Condition | None:
    """That nobody asks for more trials, as a ``Progressing`` condition.

    Args:
        experiment: that waits.
        made: how many trials were made of the algorithm's assignments.
    """
    asked = asked_trials(experiment)
    if asked is None or made < asked:
        return None
    if experiment.metadata.annotation(names.ANNOTATION_IMPORTING) is not None:
        return conditions.progress(
            "True",
            "WaitingForImport",
            "Trials are being imported; an import that was broken off goes on when the same katib "
            "import is given again",
        )
    given = experiment.metadata.annotation(names.ANNOTATION_ASKED)
    message = (
        f"The next trial is made when somebody asks for it; the annotation {names.ANNOTATION_ASKED}"
        f" says for how many was asked so far: {given}"
    )
    return conditions.progress("True", "WaitingToBeAsked", message)
