from __future__ import annotations

import pytest

from katib.api.suggestion import Suggestion, SuggestionStatus, TrialAssignment
from katib.api.trial import Trial
from katib.api.values import ObjectMeta
from katib.controllers.experiment.conversation import new_assignments
from katib.controllers.experiment.ledger import TrialLedger

# what → the assignments, the trials; those that become trials
NEW: dict[str, tuple[str, str, str]] = {
    "With three assignments and the trials 1 and 3 the assignment of trial 2 is taken": (
        "123",
        "13",
        "2",
    ),
    "Every assignment that is no trial yet is taken, in the order in which they came": (
        "12345",
        "3",
        "1245",
    ),
    "With no more assignments than trials none is taken, though a name is missing": (
        "123",
        "134",
        "",
    ),
    "With as many trials as assignments none is taken": ("12", "12", ""),
}


@pytest.mark.parametrize("case", NEW)
def test_which_assignments_become_trials(case: str) -> None:
    given, there, expected = NEW[case]
    ledger = TrialLedger()
    for name in there:
        ledger.note(Trial(metadata=ObjectMeta(name=name)))
    status = SuggestionStatus(
        suggestions=tuple(TrialAssignment(name=name) for name in given),
        suggestion_count=len(given),
    )
    found = new_assignments(Suggestion(metadata=ObjectMeta(), status=status), ledger)
    assert [one.name for one in found] == list(expected)
