"""What the tuning of a published language model is told: which model, which data, how to train.

The classes have the fields of those in ``kubeflow.storage_initializer``, whose objects are taken as
well.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from typing import Any

#: Where Kubeflow's own classes are, by the names they have here too.
_KUBEFLOW = {
    "HuggingFaceModelParams": "kubeflow.storage_initializer.hugging_face",
    "HuggingFaceDatasetParams": "kubeflow.storage_initializer.hugging_face",
    "HuggingFaceTrainerParams": "kubeflow.storage_initializer.hugging_face",
    "S3DatasetParams": "kubeflow.storage_initializer.s3",
}


@dataclass
class HuggingFaceModelParams:
    """A model of the Hugging Face hub.

    Attributes:
        model_uri: as ``hf://google-bert/bert-base-cased``.
        transformer_type: the class of ``transformers`` that loads it, such as
            ``AutoModelForSequenceClassification``; or its name.
        access_token: of the hub. It is written into the experiment, where others may read it.
        num_labels: how many classes there are, for models that classify.

    Raises:
        ValueError: ``model_uri`` is empty.
    """

    model_uri: str
    transformer_type: type | str
    access_token: str | None = None
    num_labels: int | None = None

    def __post_init__(self) -> None:
        if not self.model_uri:
            raise ValueError("model_uri cannot be empty.")


@dataclass
class HuggingFaceDatasetParams:
    """A dataset of the Hugging Face hub.

    Attributes:
        repo_id: as ``yelp_review_full``.
        access_token: of the hub. It is written into the experiment, where others may read it.
        split: the part of it, such as ``train[:8]``.

    Raises:
        ValueError: ``repo_id`` is empty.
    """

    repo_id: str
    access_token: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if not self.repo_id:
            raise ValueError("repo_id cannot be empty.")


@dataclass
class S3DatasetParams:
    """A dataset in a bucket of S3 or what speaks like it.

    Attributes:
        endpoint_url: of the service.
        bucket_name: the bucket.
        file_key: what the names of its files begin with.
        region_name: of the bucket.
        access_key: by which one may read. It is written into the experiment, where others may read
            it, as the secret is.
        secret_key: of that.

    Raises:
        ValueError: one of the first three is missing.
    """

    endpoint_url: str
    bucket_name: str
    file_key: str
    region_name: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    def __post_init__(self) -> None:
        if None in (self.endpoint_url, self.bucket_name, self.file_key):
            raise ValueError("bucket_name or endpoint_url or file_key is None; all are needed.")


def _of_library(module: str, name: str) -> Any:
    """A default object of a class of a library that only language models need.

    Raises:
        ImportError: the library is not installed.
    """
    try:
        return getattr(importlib.import_module(module), name)()
    except ImportError as error:
        raise ImportError(
            "LLM dependencies for Tune API are not installed. "
            f"Run: pip install -U 'katib[huggingface]' ({error})"
        ) from error


@dataclass
class HuggingFaceTrainerParams:
    """How a model is trained. Options that are searched are what ``katib.search`` makes.

    Attributes:
        training_parameters: ``transformers.TrainingArguments``, or a dict of its fields.
        lora_config: ``peft.LoraConfig``, or a dict of its fields.

    Raises:
        ImportError: one of them is left out, and its library is not installed.
    """

    training_parameters: Any = field(
        default_factory=lambda: _of_library("transformers", "TrainingArguments")
    )
    lora_config: Any = field(default_factory=lambda: _of_library("peft", "LoraConfig"))


def is_a(value: object, own: type) -> bool:
    """Whether a value is of one of these classes, or of Kubeflow's of the same name."""
    # Kubeflow's is never loaded for that: no object has a class that is not loaded.
    theirs = getattr(sys.modules.get(_KUBEFLOW[own.__name__]), own.__name__, own)
    return isinstance(value, own | theirs)
