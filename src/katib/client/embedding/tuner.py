"""The method ``tune`` of Katib's client."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.constants import BASE_IMAGE_PYTORCH
from katib.client.embedding.arguments import TuneArguments, tune_experiment
from katib.client.embedding.language_models import ACCESS_MODES, SIZE
from katib.client.requests import core_path
from katib.errors import KatibError

# Shown by help(), and equal to those of Katib's client; nobody writes into them.
_STORAGE: Mapping[str, Any] = {
    "size": SIZE,
    "storage_class": None,
    "access_modes": list(ACCESS_MODES),
}
_NO_NAMES: Sequence[str] = []
_STANDARD_OUTPUT: Mapping[str, Any] = {"kind": "StdOut"}


class Tuner(ABC):
    """The part of ``KatibClient`` that makes experiments of functions and of language models.

    Attributes:
        namespace: the one that is meant when none is said.
    """

    namespace: str
    _backend: Backend

    @abstractmethod
    def create_experiment(self, experiment: Manifest, namespace: str | None = None) -> None:
        """Create an experiment; see ``KatibClient``."""

    def tune(  # noqa: PLR0913  # the signature is Katib's
        self,
        name: str,
        model_provider_parameters: object = None,
        dataset_provider_parameters: object = None,
        trainer_parameters: object = None,
        storage_config: Mapping[str, Any] | None = _STORAGE,
        objective: Callable[..., object] | None = None,
        base_image: str = BASE_IMAGE_PYTORCH,
        parameters: Mapping[str, object] | None = None,
        namespace: str | None = None,
        env_per_trial: Mapping[str, str] | Sequence[object] | None = None,
        algorithm_name: str = "random",
        algorithm_settings: Mapping[str, object] | Sequence[object] | None = None,
        objective_metric_name: str | None = None,
        additional_metric_names: Sequence[str] = _NO_NAMES,
        objective_type: str = "maximize",
        objective_goal: float | None = None,
        max_trial_count: int | None = None,
        parallel_trial_count: int | None = None,
        max_failed_trial_count: int | None = None,
        resources_per_trial: object = None,
        retain_trials: bool = False,
        packages_to_install: Sequence[str] | None = None,
        pip_index_urls: Sequence[str] | None = None,
        metrics_collector_config: Mapping[str, Any] = _STANDARD_OUTPUT,
        trial_active_deadline_seconds: int | None = None,
    ) -> None:
        """Create an experiment that tunes a function, or a published language model.

        **A function**: ``objective`` and ``parameters``. The function's own text is sent, so it
        must be written with ``def``, without decorators, and import inside of it what it needs. It
        is called with a dict that has the values of a trial as texts, and constants as they were
        given. It prints its metrics as ``name=value``, or reports them with
        ``katib.report_metrics`` when ``metrics_collector_config`` is ``{"kind": "Push"}``. For
        functions with all that they use, and for results in one call, see ``katib.tune``.

        **A language model**: the three ``…_parameters`` and ``TrainerResources``; each of the
        training's options may be what ``katib.search`` makes. A disk is claimed by the name of the
        experiment, which outlives it. It needs a cluster with Kubeflow's training operator, and
        ignores ``base_image``, ``env_per_trial``, packages and ``metrics_collector_config``.

        No argument is changed.

        Args:
            name: of the experiment.
            model_provider_parameters: ``HuggingFaceModelParams``.
            dataset_provider_parameters: ``HuggingFaceDatasetParams`` or ``S3DatasetParams``.
            trainer_parameters: ``HuggingFaceTrainerParams``.
            storage_config: ``size``, ``storage_class`` and ``access_modes`` of the disk.
            objective: the function; it has one argument.
            base_image: in which it runs; on one machine its own Python runs it.
            parameters: name → what ``katib.search`` makes, or a constant.
            namespace: of the experiment; the client's when it is left out.
            env_per_trial: variables of the trials, names and values; or a list of ``V1EnvVar`` and
                ``V1EnvFromSource``.
            algorithm_name: of the search.
            algorithm_settings: names and values; or a list of ``V1beta1AlgorithmSetting``.
            objective_metric_name: the metric that counts.
            additional_metric_names: others that are kept.
            objective_type: ``maximize`` or ``minimize``.
            objective_goal: a value that is good enough, with which the experiment ends.
            max_trial_count: how many trials there may be.
            parallel_trial_count: how many run at once.
            max_failed_trial_count: how many may fail before the experiment does.
            resources_per_trial: names and quantities, ``cpu``, ``memory``, ``gpu`` and others,
                requested and the limit; or ``V1ResourceRequirements``; or ``TrainerResources``,
                which makes the trial a PyTorchJob.
            retain_trials: whether the runs of trials are kept when they have ended.
            packages_to_install: requirements that pip installs before the function runs.
            pip_index_urls: where it looks for them, the first before the others; when it is left
                out, where its own configuration says.
            metrics_collector_config: its ``kind``, ``StdOut`` or ``Push``.
            trial_active_deadline_seconds: after which a trial is ended and has failed.

        Raises:
            ValueError: arguments do not fit; nothing was created.
            TimeoutError: the server does not answer in time.
            RuntimeError: the server refuses.
        """
        given: dict[str, Any] = {**locals()}
        del given["self"]
        given["namespace"] = namespace or self.namespace
        documents = tune_experiment(TuneArguments(**given), os.environ)
        if documents.claim is not None:
            self._claim(documents.claim)
        self.create_experiment(documents.experiment, given["namespace"])

    def _claim(self, claim: Manifest) -> None:
        """Create the disk of a language model; one that is there is used."""
        name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
        try:
            self._backend.ask("POST", core_path("persistentvolumeclaims", namespace), claim)
        except RefusedError as error:
            if error.code == 409:
                print(f"PVC '{name}' already exists in namespace {namespace}.")
            elif error.code == 422:
                raise ValueError(
                    f"The Experiment name '{name}' is invalid: it must consist of lower-case "
                    "letters, digits, '-' and '.', and begin and end with a letter or a digit."
                ) from error
            else:
                raise RuntimeError(f"failed to create PVC. Error: {error}") from error
        except KatibError as error:
            raise RuntimeError(f"failed to create PVC. Error: {error}") from error
