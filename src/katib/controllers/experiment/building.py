"""The resources an experiment makes: its suggestion and its trials. Pure."""

from __future__ import annotations

from msgspec import UNSET

from katib.api import names
from katib.api.codec import to_raw
from katib.api.experiment import Experiment, MetricsCollectorSpec, TrialTemplate
from katib.api.suggestion import Suggestion, SuggestionSpec, TrialAssignment
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import ObjectMeta, Strings, owner_reference
from katib.rendering import render


def build_suggestion(experiment: Experiment, requests: int) -> Suggestion:
    """The suggestion that asks for the experiment's first assignments."""
    spec = experiment.spec
    return Suggestion(
        metadata=ObjectMeta(
            name=experiment.metadata.name,
            namespace=experiment.metadata.namespace,
            labels=experiment.metadata.labels,
            annotations=experiment.metadata.annotations,
            owner_references=(owner_reference(experiment),),
        ),
        spec=SuggestionSpec(
            algorithm=spec.algorithm,
            early_stopping=spec.early_stopping,
            requests=requests,
            resume_policy=spec.resume_policy,
        ),
    )


def build_trial(
    experiment: Experiment, assignment: TrialAssignment, template_text: str | None = None
) -> Trial:
    """The trial of one assignment.

    Args:
        experiment: whose.
        assignment: its name, values, rules and labels.
        template_text: the template, when it comes from a ConfigMap.

    Raises:
        RenderError: template and assignment do not fit.
    """
    metadata, spec = experiment.metadata, experiment.spec
    template = spec.trial_template or TrialTemplate()
    run = render(
        experiment,
        assignment.name,
        metadata.namespace,
        assignment.parameter_assignments,
        template_text,
    )
    judged = bool(template.success_condition and template.failure_condition)
    labels = {**(metadata.labels or {}), names.LABEL_EXPERIMENT: metadata.name}
    return Trial(
        metadata=ObjectMeta(
            name=assignment.name,
            namespace=metadata.namespace,
            labels=Strings({**labels, **(assignment.labels or {})}),
            finalizers=(names.FINALIZER_TRIAL,),
            owner_references=(owner_reference(experiment),),
        ),
        spec=TrialSpec(
            objective=spec.objective,
            parameter_assignments=assignment.parameter_assignments,
            early_stopping_rules=assignment.early_stopping_rules if spec.early_stopping else (),
            run_spec=to_raw(run) if run else UNSET,
            retain_run=template.retain,
            metrics_collector=spec.metrics_collector_spec or MetricsCollectorSpec(),
            primary_pod_labels=template.primary_pod_labels,
            primary_container_name=template.primary_container_name,
            success_condition=template.success_condition if judged else "",
            failure_condition=template.failure_condition if judged else "",
        ),
        status=TrialStatus(),
    )
