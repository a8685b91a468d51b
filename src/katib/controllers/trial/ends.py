"""How a trial ends, in the words of its last condition. Pure."""

from __future__ import annotations

from katib.api import names
from katib.api.values import Condition
from katib.controllers.trial.gjson import Match

_ENDS = {
    names.SUCCEEDED: ("TrialSucceeded", "Trial has succeeded"),
    names.FAILED: ("TrialFailed", "Trial has failed"),
    names.METRICS_UNAVAILABLE: ("MetricsUnavailable", "Metrics are not available"),
}


def final_condition(type: str, match: Match) -> Condition:
    """The condition of a trial that has ended.

    Args:
        type: of the condition.
        match: what the run says of its end.
    """
    reason, message = _ENDS[type]
    return Condition(
        type=type,
        status="True",
        reason=f"{reason}. Job reason: {match.reason}" if match.reason else reason,
        message=f"{message}. Job message: {match.message}" if match.message else message,
    )
