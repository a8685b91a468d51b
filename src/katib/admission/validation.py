"""The rules, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from katib.admission.budget import check_budget
from katib.admission.collector import check_collector
from katib.admission.context import AdmissionContext
from katib.admission.metadata import check_metadata
from katib.admission.objective import (
    check_algorithms,
    check_early_stopping,
    check_objective,
    check_resume_policy,
    check_strategies,
)
from katib.admission.parameters import check_search_space
from katib.admission.problems import Problems, is_related
from katib.admission.template import TRIAL_SOURCE, check_template
from katib.admission.updates import check_update
from katib.api.experiment import Experiment
from katib.errors import FieldError


def validate(
    experiment: Experiment,
    context: AdmissionContext,
    old: Experiment | None = None,
    misfits: Sequence[str] = (),
) -> list[FieldError]:
    """All that is wrong with an experiment that has its defaults.

    Args:
        experiment: what is wanted.
        context: what this home knows.
        old: the experiment as it is stored, when this is an update.
        misfits: the paths that are already known to be wrong; nothing is said twice about them.
    """

    hidden = (*misfits, *_implied(misfits))

    def seen(problems: Problems) -> list[FieldError]:
        return [
            problem
            for problem in problems
            if not any(is_related(problem.path, path) for path in hidden)
        ]

    spec = experiment.spec
    errors = seen(check_metadata(experiment.metadata)) + seen(check_budget(spec))
    if old is not None:
        errors += seen(check_update(experiment, old))
    objective = seen(check_objective(spec.objective))
    errors += objective
    if objective:
        return errors
    errors += seen(check_strategies(spec.objective))
    errors += seen(check_algorithms(spec, context))
    errors += seen(check_resume_policy(spec.resume_policy))
    errors += seen(check_template(spec, context))
    errors += seen(check_search_space(spec))
    errors += seen(check_collector(spec, context))
    errors += seen(check_early_stopping(spec))
    # Algorithms look at the parameters too, and would say the same again.
    told = [error.path for error in errors]
    refused = seen(context.check_settings(experiment))
    return errors + [one for one in refused if not any(is_related(one.path, p) for p in told)]


def _implied(misfits: Sequence[str]) -> Sequence[str]:
    # A misfit source of the template is not a missing one; its absence has a path of its own.
    sources = ("spec.trialTemplate.trialSpec", "spec.trialTemplate.configMap")
    return [TRIAL_SOURCE] if any(path.startswith(sources) for path in misfits) else []
