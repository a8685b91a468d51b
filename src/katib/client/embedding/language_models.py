"""The run that trains a published language model: Kubeflow's own images, told what to load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from katib.api.values import Manifest
from katib.client.embedding import runs
from katib.client.embedding.providers import (
    HuggingFaceDatasetParams,
    HuggingFaceModelParams,
    HuggingFaceTrainerParams,
    S3DatasetParams,
    is_a,
)
from katib.client.embedding.substitution import Searched, options_of
from katib.client.resources import TrainerResources

#: What is asked of the disk when nothing is said.
SIZE, ACCESS_MODES = "10Gi", ("ReadWriteOnce", "ReadOnlyMany")

#: How the trainer prints its metrics: ``'train_loss': 0.846``.
METRICS_FORMAT = r"'([\w|-]+)'\s*:\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)"

_STORAGE = "storage-initializer"
_MOUNTS = [{"name": _STORAGE, "mountPath": "/workspace"}]

#: Variable of the program that calls ``tune`` → the image that it may be another name for.
_IMAGES = {
    "STORAGE_INITIALIZER_IMAGE": "docker.io/kubeflow/storage-initializer",
    "TRAINER_TRANSFORMER_IMAGE": "docker.io/kubeflow/trainer-huggingface",
}


@dataclass(frozen=True, slots=True)
class Training:
    """A model, the data it is trained with, and how.

    Attributes:
        model: ``HuggingFaceModelParams``, ours or Kubeflow's, as all of these.
        dataset: ``HuggingFaceDatasetParams`` or ``S3DatasetParams``.
        trainer: ``HuggingFaceTrainerParams``.
    """

    model: Any
    dataset: Any
    trainer: Any

    def check(self) -> None:
        """See that each is what it should be.

        Raises:
            ValueError: one is not.
        """
        if not is_a(self.model, HuggingFaceModelParams):
            raise ValueError(
                "Model provider parameters must be an instance of HuggingFaceModelParams."
            )
        if not self.is_of_s3 and not is_a(self.dataset, HuggingFaceDatasetParams):
            raise ValueError(
                "Dataset provider parameters must be an instance of S3DatasetParams "
                "or HuggingFaceDatasetParams."
            )
        if not is_a(self.trainer, HuggingFaceTrainerParams):
            raise ValueError("Trainer parameters must be an instance of HuggingFaceTrainerParams.")

    @property
    def is_of_s3(self) -> bool:
        """Whether the data lies in a bucket."""
        return is_a(self.dataset, S3DatasetParams)


def claim_of(name: str, namespace: str, storage: Mapping[str, Any]) -> Manifest:
    """The disk that the model and its data are loaded to.

    Args:
        name: of the experiment, and of the claim.
        namespace: of both.
        storage: ``size``, ``storage_class`` and ``access_modes``, as far as they differ.
    """
    spec: Manifest = {
        "accessModes": list(storage.get("access_modes", ACCESS_MODES)),
        "resources": {"requests": {"storage": storage.get("size", SIZE)}},
    }
    if storage.get("storage_class") is not None:
        spec["storageClassName"] = storage["storage_class"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def training_of(
    training: Training,
    claim: str,
    distribution: TrainerResources,
    variables: Mapping[str, str],
    searched: Searched,
) -> tuple[Manifest, Manifest]:
    """The templates of the master, which loads everything first, and of the workers.

    Args:
        training: what is trained, checked.
        claim: the disk.
        distribution: whose resources each pod has.
        variables: of the program that asks; they may name other images.
        searched: takes which options are searched.

    Raises:
        ValueError: an option cannot be written as JSON.
    """
    images = {name: variables.get(name, image) for name, image in _IMAGES.items()}
    loading = {
        "name": _STORAGE,
        "image": images["STORAGE_INITIALIZER_IMAGE"],
        "args": _loading_words(training),
        "volumeMounts": _MOUNTS,
    }
    container = {
        "name": runs.TORCH_CONTAINER,
        "image": images["TRAINER_TRANSFORMER_IMAGE"],
        "args": _training_words(training, searched),
        "volumeMounts": _MOUNTS,
        **runs.resources_of(distribution.resources_per_worker),
    }
    volumes = [{"name": _STORAGE, "persistentVolumeClaim": {"claimName": claim}}]
    master = runs.pod_of(container, initContainers=[loading], volumes=volumes)
    return master, runs.pod_of(container, volumes=volumes)


def _loading_words(training: Training) -> list[str]:
    words = {
        "model_provider": "hf",
        "model_provider_parameters": options_of(vars(training.model), Searched()),
        "dataset_provider": "s3" if training.is_of_s3 else "hf",
        "dataset_provider_parameters": json.dumps(vars(training.dataset)),
    }
    return _flags(words)


def _training_words(training: Training, searched: Searched) -> list[str]:
    model = training.model
    options = options_of(training.trainer.training_parameters, searched)
    lora = options_of(training.trainer.lora_config, searched)
    return _flags(
        {
            "model_uri": model.model_uri,
            "transformer_type": getattr(model.transformer_type, "__name__", model.transformer_type),
            "num_labels": str(model.num_labels),
            "model_dir": "/workspace/model",
            "dataset_dir": "/workspace/dataset",
            # The trainer's words are read by a shell.
            "lora_config": f"'{lora}'",
            "training_parameters": f"'{options}'",
        }
    )


def _flags(words: Mapping[str, str]) -> list[str]:
    return [word for name, value in words.items() for word in (f"--{name}", value)]
