"""What may be changed in an experiment that exists."""

from __future__ import annotations

from msgspec.structs import replace

from katib.admission.problems import Problems, forbidden, invalid
from katib.api import conditions, names
from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.api.values import Manifest

#: The ends after which an experiment may go on.
_MAY_GO_ON = ("ExperimentMaxTrialsReached", "ExperimentStopped")


def changed_fields(new: Experiment, old: Experiment) -> tuple[str, ...]:
    """The fields of the spec whose meaning differs, by name."""
    ours, theirs = _spec(new), _spec(old)
    return tuple(
        sorted(name for name in {*ours, *theirs} if ours.get(name, None) != theirs.get(name, None))
    )


def check_update(new: Experiment, old: Experiment) -> Problems:
    """Only the budget can be edited; a completed experiment only to restart it."""
    if not changed_fields(new, old):
        return
    if _is_completed(old) and not _is_restartable(old):
        yield invalid(
            "spec.resumePolicy",
            old.spec.resume_policy,
            "Experiment can be restarted if it is in succeeded state by reaching max trials and "
            "spec.resumePolicy = LongRunning or spec.resumePolicy = FromVolume, when experiment "
            "is completed",
        )
    most = new.spec.max_trial_count
    if most is not None and most <= old.status.trials:
        yield invalid(
            "spec.maxTrialCount",
            most,
            f"must be greater than status.trials count, which is {old.status.trials}",
        )
    fixed = changed_fields(new, _with_budget_of(old, new))
    if fixed:
        yield forbidden(
            "spec",
            "only spec.parallelTrialCount, spec.maxTrialCount and spec.maxFailedTrialCount are "
            f"editable; changed: {', '.join(f'spec.{name}' for name in fixed)}",
        )


def _with_budget_of(old: Experiment, new: Experiment) -> Experiment:
    spec = replace(
        old.spec,
        parallel_trial_count=new.spec.parallel_trial_count,
        max_trial_count=new.spec.max_trial_count,
        max_failed_trial_count=new.spec.max_failed_trial_count,
    )
    return replace(old, spec=spec)


def _is_completed(experiment: Experiment) -> bool:
    found = experiment.status.conditions
    return conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)


def _is_restartable(experiment: Experiment) -> bool:
    succeeded = conditions.find(experiment.status.conditions, names.SUCCEEDED)
    return (
        succeeded is not None
        and succeeded.status == "True"
        and succeeded.reason in _MAY_GO_ON
        and experiment.spec.resume_policy in (names.LONG_RUNNING, names.FROM_VOLUME)
    )


def _spec(experiment: Experiment) -> Manifest:
    spec: Manifest = to_manifest(experiment).get("spec", {})
    return spec
