"""The rules of the experiment's name and of its trial counts."""

from __future__ import annotations

import re

from katib.admission.problems import Problems, invalid, required
from katib.api.experiment import ExperimentSpec
from katib.api.values import ObjectMeta

LONGEST_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RANDOM = "x" * 5


def check_metadata(metadata: ObjectMeta) -> Problems:
    """The name becomes part of the names of trials, services and folders."""
    name = metadata.name
    path = "metadata.name"
    if not name and metadata.generate_name:
        # A store completes it by five random characters.
        name, path = metadata.generate_name + _RANDOM, "metadata.generateName"
    if not name:
        yield required(path)
    elif not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        yield invalid(
            path,
            metadata.name or metadata.generate_name,
            "name must consist of lower case alphanumeric characters or '-', start with an "
            "alphabetic character, and end with an alphanumeric character (as 'tune-2'; a name "
            f"may not be longer than {LONGEST_NAME} characters)",
        )
    if not _NAMESPACE.fullmatch(metadata.namespace):
        yield invalid(
            "metadata.namespace",
            metadata.namespace,
            "namespace must consist of lower case alphanumeric characters or '-', and start and "
            "end with an alphanumeric character (at most 63 characters)",
        )


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
