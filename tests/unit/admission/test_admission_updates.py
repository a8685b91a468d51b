"""What may be changed in an experiment that exists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from admission_manifests import a_context, check, edited, list_errors
from msgspec.structs import replace

from katib.admission import admit
from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS, Experiment, ExperimentStatus
from katib.api.values import Condition
from katib.errors import AdmissionError

INVALID, FORBIDDEN = "Invalid value", "Forbidden"
NOT_RESTARTABLE = (
    "spec.resumePolicy",
    INVALID,
    "Experiment can be restarted if it is in succeeded state by reaching max trials and "
    "spec.resumePolicy = LongRunning or spec.resumePolicy = FromVolume, when experiment is "
    "completed",
)
TOO_FEW = ("spec.maxTrialCount", INVALID, "must be greater than status.trials count")
FIXED = (
    "spec",
    FORBIDDEN,
    "only spec.parallelTrialCount, spec.maxTrialCount and spec.maxFailedTrialCount are editable",
)
MAX_TRIALS = "ExperimentMaxTrialsReached"
GOAL = "ExperimentGoalReached"


@dataclass(frozen=True)
class Update:
    """The stored experiment (changes, its last condition, its trials), the edit, the errors."""

    sentence: str
    edit: dict[str, Any]
    errors: tuple[tuple[str, str, str], ...] = ()
    stored: dict[str, Any] = field(default_factory=dict)
    condition: tuple[str, str] | None = None
    trials: int = 0

    def __str__(self) -> str:
        return self.sentence


def _stored(changes: dict[str, Any], condition: tuple[str, str] | None, trials: int) -> Experiment:
    experiment = admit(edited(changes), a_context())
    conditions = (
        ()
        if condition is None
        else (Condition(type=condition[0], status="True", reason=condition[1]),)
    )
    return replace(experiment, status=ExperimentStatus(conditions=conditions, trials=trials))


MORE = {"spec.maxTrialCount": 20}
ROWS = [
    Update("an update that changes nothing is accepted", {}),
    Update("labels of an experiment may be changed", {"metadata.labels": {"a": "b"}}),
    Update("`maxTrialCount` may be raised", MORE),
    Update(
        "all three counts of a running experiment may be changed",
        {"spec.maxTrialCount": 9, "spec.parallelTrialCount": 2, "spec.maxFailedTrialCount": 1},
        condition=("Running", "ExperimentRunning"),
        trials=3,
    ),
    Update(
        "the algorithm of an experiment cannot be changed",
        {"spec.algorithm.algorithmName": "grid"},
        ((*FIXED[:2], f"{FIXED[2]}; changed: spec.algorithm"),),
    ),
    Update(
        "the resume policy of an experiment cannot be changed",
        {"spec.resumePolicy": "LongRunning"},
        ((*FIXED[:2], f"{FIXED[2]}; changed: spec.resumePolicy"),),
    ),
    Update(
        "an experiment that may be restarted cannot change its algorithm with that",
        {
            "spec.resumePolicy": "LongRunning",
            "spec.algorithm.algorithmName": "grid",
            **MORE,
        },
        (FIXED,),
        stored={"spec.resumePolicy": "LongRunning"},
        condition=("Succeeded", MAX_TRIALS),
        trials=12,
    ),
    Update(
        "a bound of a parameter cannot be changed",
        {"spec.parameters.0.feasibleSpace.max": "0.5"},
        (FIXED,),
    ),
    Update("writing out a default changes nothing", {"spec.parallelTrialCount": 3}),
    Update(
        "an edit of an experiment that ended by max trials with `Never` is refused twice",
        {"spec.algorithm.algorithmName": "grid"},
        (NOT_RESTARTABLE, FIXED),
        condition=("Succeeded", MAX_TRIALS),
    ),
    Update(
        "an experiment that ended by max trials with `Never` gets no more trials",
        MORE,
        (NOT_RESTARTABLE,),
        condition=("Succeeded", MAX_TRIALS),
    ),
    *(
        Update(
            sentence,
            {"spec.resumePolicy": policy, **MORE},
            stored={"spec.resumePolicy": policy},
            condition=("Succeeded", MAX_TRIALS),
            trials=12,
        )
        for sentence, policy in {
            "an experiment that ended by max trials with `LongRunning` may get more": "LongRunning",
            "an experiment that ended by max trials with `FromVolume` may get more": "FromVolume",
        }.items()
    ),
    Update(
        "an experiment that reached its goal cannot be edited",
        {"spec.resumePolicy": "LongRunning", **MORE},
        (NOT_RESTARTABLE,),
        stored={"spec.resumePolicy": "LongRunning"},
        condition=("Succeeded", GOAL),
    ),
    Update(
        "an experiment that failed cannot be edited",
        {"spec.resumePolicy": "LongRunning", **MORE},
        (NOT_RESTARTABLE,),
        stored={"spec.resumePolicy": "LongRunning"},
        condition=("Failed", "ExperimentFailed"),
    ),
    Update(
        "a completed experiment may be written unchanged",
        {},
        condition=("Succeeded", GOAL),
        trials=3,
    ),
    Update(
        "once all trials exist, `maxFailedTrialCount` cannot be edited alone",
        {"spec.maxTrialCount": 12, "spec.maxFailedTrialCount": 2},
        (TOO_FEW,),
        stored={"spec.maxTrialCount": 12},
        trials=12,
    ),
    Update(
        "once all trials exist, `parallelTrialCount` of a running experiment cannot be lowered",
        {"spec.maxTrialCount": 12, "spec.parallelTrialCount": 1},
        (TOO_FEW,),
        stored={"spec.maxTrialCount": 12},
        condition=("Running", "ExperimentRunning"),
        trials=12,
    ),
    Update(
        "`maxTrialCount` cannot be lowered to the number of trials that exist",
        {"spec.maxTrialCount": 6},
        (TOO_FEW,),
        stored={"spec.maxTrialCount": 12},
        trials=6,
    ),
    Update(
        "`maxTrialCount` may be lowered to one more than the number of trials that exist",
        {"spec.maxTrialCount": 7},
        stored={"spec.maxTrialCount": 12},
        trials=6,
    ),
    Update(
        "`maxTrialCount` may be taken away from an experiment that runs",
        {},
        stored={"spec.maxTrialCount": 12},
        trials=6,
    ),
    Update(
        "an illegal count is told beside what may not be edited",
        {"spec.maxTrialCount": -1, "spec.parallelTrialCount": -2, "spec.resumePolicy": "Latest"},
        (
            ("spec.maxTrialCount", INVALID, "must be greater than 0"),
            ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
            TOO_FEW,
            FIXED,
            ("spec.resumePolicy", INVALID, "invalid ResumePolicyType"),
        ),
    ),
    Update(
        "`maxTrialCount` cannot be lowered below the number of trials that exist",
        {"spec.maxTrialCount": 5},
        (TOO_FEW,),
        stored={"spec.maxTrialCount": 12},
        trials=6,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_updates(row: Update) -> None:
    old = _stored(row.stored, row.condition, row.trials)
    check(list_errors(edited(row.edit), old), row.errors)


@pytest.mark.rule("an experiment whose spec is unchanged is not validated again")
def test_an_unchanged_experiment_is_not_refused_when_its_algorithm_is_gone() -> None:
    old = _stored({}, None, 0)
    assert list_errors(edited({}), old, a_context(algorithms=())) == ()
    assert list_errors(edited(MORE), old, a_context(algorithms=("grid",))) != ()


@pytest.mark.rule("an experiment stored without its defaults equals itself with them")
def test_a_stored_experiment_without_its_defaults_is_unchanged_with_them() -> None:
    stored = from_manifest(EXPERIMENTS, edited({"spec.resumePolicy": ""}))
    assert list_errors(edited({"spec.resumePolicy": "Never"}), stored) == ()


@pytest.mark.rule("an experiment that is being deleted is not validated")
def test_an_experiment_that_is_being_deleted_is_not_refused() -> None:
    old = _stored({}, None, 0)
    time = datetime(2024, 1, 31, tzinfo=UTC)
    leaving = replace(old, metadata=replace(old.metadata, deletion_timestamp=time))
    manifest = edited({"spec.algorithm.algorithmName": "gone", "spec.maxTrialCount": -1})
    assert list_errors(manifest, leaving) == ()
    assert len(list_errors(manifest, old)) > 0


@pytest.mark.rule("a new experiment cannot say of itself that it is being deleted")
def test_a_new_experiment_cannot_call_itself_deleted() -> None:
    changes = {"metadata.deletionTimestamp": "2024-01-31T00:00:00Z"}
    assert admit(edited(changes), a_context()).metadata.deletion_timestamp is None
    assert list_errors(edited({**changes, "spec.maxTrialCount": -1})) != ()


@pytest.mark.rule(
    "the status of a document is ignored: a new one has none, a stored one keeps its own"
)
def test_the_status_is_the_stored_one() -> None:
    manifest = edited({"status": {"trials": 99, "conditions": [{"type": "Succeeded"}]}})
    assert admit(manifest, a_context()).status == ExperimentStatus()
    old = _stored({}, ("Running", "ExperimentRunning"), 4)
    assert admit(manifest, a_context(), old).status == old.status


@pytest.mark.rule("what was admitted is admitted again, unchanged")
def test_what_is_admitted_is_admitted_again_unchanged() -> None:
    once = admit(edited({}), a_context())
    assert admit(to_manifest(once), a_context()) == once


@pytest.mark.rule("labels that are changed must be legal, also when the spec is unchanged")
def test_labels_are_checked_when_they_change() -> None:
    stored = admit(edited({}), a_context())
    relabelled = {**to_manifest(stored)}
    relabelled["metadata"] = {**relabelled["metadata"], "labels": {"no key!": "x"}}
    with pytest.raises(AdmissionError, match=r"metadata\.labels: Invalid value"):
        admit(relabelled, a_context(), stored)
    relabelled["metadata"] = {**relabelled["metadata"], "labels": {"team": "x"}}
    assert admit(relabelled, a_context(), stored).metadata.label("team") == "x"
