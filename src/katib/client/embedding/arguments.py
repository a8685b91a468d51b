"""The arguments of ``KatibClient.tune``, checked, and the documents that they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.values import Manifest
from katib.client.embedding import runs
from katib.client.embedding.language_models import (
    METRICS_FORMAT,
    Training,
    claim_of,
    training_of,
)
from katib.client.embedding.runs import Template
from katib.client.embedding.script import installation_of, program_of, script_of
from katib.client.embedding.substitution import Searched, argument_of
from katib.client.resources import TrainerResources
from katib.models.documents import to_json

_INCOMPLETE = "One of the required parameters is None"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneArguments:
    """What ``KatibClient.tune`` was given; its documentation says what each means."""

    name: str
    model_provider_parameters: object
    dataset_provider_parameters: object
    trainer_parameters: object
    storage_config: Mapping[str, Any] | None
    objective: Callable[..., object] | None
    base_image: str
    parameters: Mapping[str, object] | None
    namespace: str
    env_per_trial: object
    algorithm_name: str
    algorithm_settings: object
    objective_metric_name: str | None
    additional_metric_names: Sequence[str]
    objective_type: str
    objective_goal: float | None
    max_trial_count: int | None
    parallel_trial_count: int | None
    max_failed_trial_count: int | None
    resources_per_trial: object
    retain_trials: bool
    packages_to_install: Sequence[str] | None
    pip_index_urls: Sequence[str] | None
    metrics_collector_config: Mapping[str, Any]
    trial_active_deadline_seconds: int | None


@dataclass(frozen=True, slots=True)
class Documents:
    """What ``tune`` creates, in this order.

    Attributes:
        claim: the disk of a language model; ``None`` for a function.
        experiment: the experiment.
    """

    claim: Manifest | None
    experiment: Manifest


def tune_experiment(arguments: TuneArguments, variables: Mapping[str, str]) -> Documents:
    """The documents that a call of ``tune`` stands for. Nothing that was given is changed.

    Args:
        arguments: of the call, with a namespace.
        variables: of the program that calls.

    Raises:
        ValueError: they do not fit; the message begins as Katib's does.
    """
    given = arguments
    providers = (
        given.model_provider_parameters,
        given.dataset_provider_parameters,
        given.trainer_parameters,
    )
    of_model = any(one is not None for one in providers)
    of_function = given.objective is not None or given.parameters is not None
    if of_model == of_function:
        raise ValueError(
            "Invalid configuration for creating a Katib Experiment for hyperparameter "
            "optimization. Give either objective and parameters, to tune a function, or "
            "model_provider_parameters, dataset_provider_parameters and trainer_parameters, to "
            "tune a language model."
        )
    if not given.name:
        raise ValueError("Please specify name for the Experiment.")
    return _of_function(given) if of_function else _of_model(given, variables)


def _of_function(given: TuneArguments) -> Documents:
    if not given.objective or not given.parameters:
        raise ValueError(_INCOMPLETE)
    _check_callable(given.objective)
    searched = Searched()
    program = program_of(given.objective, argument_of(given.parameters, searched))
    resources = given.resources_per_trial
    distribution = resources if runs.is_distributed(resources) else None
    container = {
        "name": runs.TORCH_CONTAINER if distribution else runs.JOB_CONTAINER,
        "image": given.base_image,
        "command": ["bash", "-c"],
        "args": [_script_of(given, program, distribution)],
        **runs.environment_of(given.env_per_trial),
        **runs.resources_of(distribution.resources_per_worker if distribution else resources),
    }
    pod = runs.pod_of(container)
    deadline = given.trial_active_deadline_seconds
    template = (
        runs.torch_job_of(pod, pod, distribution, deadline)
        if distribution
        else runs.job_of(pod, deadline)
    )
    collector = {"collector": {"kind": given.metrics_collector_config["kind"]}}
    return Documents(None, _experiment_of(given, searched, template, collector))


def _of_model(given: TuneArguments, variables: Mapping[str, str]) -> Documents:
    distribution = given.resources_per_trial
    training = Training(
        given.model_provider_parameters,
        given.dataset_provider_parameters,
        given.trainer_parameters,
    )
    is_whole = training.model and training.dataset and training.trainer
    if not is_whole or not runs.is_distributed(distribution):
        raise ValueError(
            f"{_INCOMPLETE}: a language model needs model_provider_parameters, "
            "dataset_provider_parameters, trainer_parameters, and TrainerResources as "
            "resources_per_trial"
        )
    training.check()
    searched = Searched()
    master, worker = training_of(training, given.name, distribution, variables, searched)
    deadline = given.trial_active_deadline_seconds
    template = runs.torch_job_of(master, worker, distribution, deadline)
    collector = {"source": {"filter": {"metricsFormat": [METRICS_FORMAT]}}}
    claim = claim_of(given.name, given.namespace, given.storage_config or {})
    return Documents(claim, _experiment_of(given, searched, template, collector))


def _check_callable(objective: Callable[..., object]) -> None:
    """See that an objective may be called with a dict.

    Raises:
        ValueError: it may not.
    """
    if not callable(objective):
        raise ValueError(
            f"Objective function must be callable, got function type: {type(objective)}"
        )
    signature = inspect.signature(objective)
    try:
        signature.bind({})
    except TypeError as error:
        raise ValueError(
            "Invalid args in the Objective function. It is called with one dict, which has the "
            f"parameters, and so needs one argument; found {signature}: {error}"
        ) from error


def _script_of(given: TuneArguments, program: str, distribution: TrainerResources | None) -> str:
    is_many = distribution is not None and (
        distribution.num_workers > 1 or distribution.num_procs_per_worker > 1
    )
    script = script_of(program, "torchrun" if is_many else "python -u")
    if given.packages_to_install is None:
        return script
    return installation_of(given.packages_to_install, given.pip_index_urls or ()) + script


def _experiment_of(
    given: TuneArguments, searched: Searched, template: Template, collector: Manifest
) -> Manifest:
    objective = {
        "type": given.objective_type,
        "objectiveMetricName": given.objective_metric_name,
        "additionalMetricNames": list(given.additional_metric_names),
        "goal": given.objective_goal,
    }
    spec = {
        "objective": _present(objective),
        "algorithm": _algorithm_of(given),
        "maxTrialCount": given.max_trial_count,
        "parallelTrialCount": given.parallel_trial_count,
        "maxFailedTrialCount": given.max_failed_trial_count,
        "metricsCollectorSpec": collector,
        "parameters": searched.parameters,
        "trialTemplate": {
            "primaryContainerName": template.container,
            "retain": given.retain_trials,
            "trialParameters": searched.trial_parameters,
            "trialSpec": template.run,
        },
    }
    return {
        "apiVersion": EXPERIMENTS.api_version,
        "kind": EXPERIMENTS.name,
        "metadata": {"name": given.name, "namespace": given.namespace},
        "spec": _present(spec),
    }


def _algorithm_of(given: TuneArguments) -> Manifest:
    settings = given.algorithm_settings
    if isinstance(settings, Mapping):
        pairs = settings.items()
        settings = [{"name": str(name), "value": str(value)} for name, value in pairs]
    algorithm = {"algorithmName": given.algorithm_name, "algorithmSettings": to_json(settings)}
    return _present(algorithm)


def _present(fields: Manifest) -> Manifest:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
