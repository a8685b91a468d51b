"""The rules of the experiment's trial counts."""

from __future__ import annotations

from katib.admission.problems import Problems, invalid
from katib.api.experiment import ExperimentSpec


def check_budget(spec: ExperimentSpec) -> Problems:
    """How many trials there may be, in all, at a time, and failed."""
    most, failed, parallel = (
        spec.max_trial_count,
        spec.max_failed_trial_count,
        spec.parallel_trial_count,
    )
    if failed is not None and failed < 0:
        yield invalid("spec.maxFailedTrialCount", failed, "should not be less than 0")
    if most is not None and most <= 0:
        yield invalid("spec.maxTrialCount", most, "must be greater than 0")
    if parallel is not None and parallel <= 0:
        yield invalid("spec.parallelTrialCount", parallel, "must be greater than 0")
    for name, count in (("maxFailedTrialCount", failed), ("parallelTrialCount", parallel)):
        if count is not None and most is not None and count > most:
            yield invalid(
                f"spec.{name}",
                count,
                f"should be less than or equal to spec.maxTrialCount, which is {most}",
            )
