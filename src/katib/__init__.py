"""Katib: one Experiment document, one engine, on a laptop or on a Kubernetes cluster.

The rooms, in the order data walks through them: ``api`` (the words), ``admission`` (the door),
``stores`` (where resources live), ``controllers`` (the will), ``suggesters`` and ``search`` (the
mathematics), ``rendering`` (a trial's manifest), ``executors`` (how it runs), ``collectors`` and
``observations`` (its metrics). ``ports`` holds the sockets between them and ``apps`` is the only
place where they are wired together. ``client`` is what users' programs call, and ``models`` what
they build documents of: their public names are here, and each is loaded when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from katib import models, search
    from katib.client.api_client import ApiClient, Configuration
    from katib.client.constants import (
        BASE_IMAGE_PYTORCH,
        BASE_IMAGE_TENSORFLOW,
        BASE_IMAGE_TENSORFLOW_GPU,
    )
    from katib.client.embedding.providers import (
        HuggingFaceDatasetParams,
        HuggingFaceModelParams,
        HuggingFaceTrainerParams,
        S3DatasetParams,
    )
    from katib.client.exceptions import (
        ApiException,
        ApiKeyError,
        ApiTypeError,
        ApiValueError,
        OpenApiException,
    )
    from katib.client.exchange.calls import export_experiment, import_trials, log_to_mlflow
    from katib.client.handle import EarlyStopped
    from katib.client.katib_client import KatibClient
    from katib.client.resources import TrainerResources
    from katib.client.study import AskedTrial, Study
    from katib.client.tuning.result import TuneResult
    from katib.client.tuning.tuner import TuneFailedError, TuneInterrupted, tune
    from katib.models import *  # noqa: F403  # what is listed there

__version__ = "0.1.0"

#: Public name → where it is. Modules have no colon.
_PUBLIC = {
    "ApiClient": "katib.client.api_client:ApiClient",
    "ApiException": "katib.client.exceptions:ApiException",
    "ApiKeyError": "katib.client.exceptions:ApiKeyError",
    "ApiTypeError": "katib.client.exceptions:ApiTypeError",
    "ApiValueError": "katib.client.exceptions:ApiValueError",
    "AskedTrial": "katib.client.study:AskedTrial",
    "BASE_IMAGE_PYTORCH": "katib.client.constants:BASE_IMAGE_PYTORCH",
    "BASE_IMAGE_TENSORFLOW": "katib.client.constants:BASE_IMAGE_TENSORFLOW",
    "BASE_IMAGE_TENSORFLOW_GPU": "katib.client.constants:BASE_IMAGE_TENSORFLOW_GPU",
    "Configuration": "katib.client.api_client:Configuration",
    "HuggingFaceDatasetParams": "katib.client.embedding.providers:HuggingFaceDatasetParams",
    "HuggingFaceModelParams": "katib.client.embedding.providers:HuggingFaceModelParams",
    "HuggingFaceTrainerParams": "katib.client.embedding.providers:HuggingFaceTrainerParams",
    "KatibClient": "katib.client.katib_client:KatibClient",
    "OpenApiException": "katib.client.exceptions:OpenApiException",
    "S3DatasetParams": "katib.client.embedding.providers:S3DatasetParams",
    "Study": "katib.client.study:Study",
    "TrainerResources": "katib.client.resources:TrainerResources",
    "EarlyStopped": "katib.client.handle:EarlyStopped",
    "TuneFailedError": "katib.client.tuning.tuner:TuneFailedError",
    "TuneInterrupted": "katib.client.tuning.tuner:TuneInterrupted",
    "TuneResult": "katib.client.tuning.result:TuneResult",
    "export_experiment": "katib.client.exchange.calls:export_experiment",
    "import_trials": "katib.client.exchange.calls:import_trials",
    "log_to_mlflow": "katib.client.exchange.calls:log_to_mlflow",
    "tune": "katib.client.tuning.tuner:tune",
    "models": "katib.models",
    "search": "katib.search",
}

__all__ = [
    "ApiClient",
    "ApiException",
    "ApiKeyError",
    "ApiTypeError",
    "ApiValueError",
    "AskedTrial",
    "BASE_IMAGE_PYTORCH",
    "BASE_IMAGE_TENSORFLOW",
    "BASE_IMAGE_TENSORFLOW_GPU",
    "Configuration",
    "HuggingFaceDatasetParams",
    "HuggingFaceModelParams",
    "HuggingFaceTrainerParams",
    "KatibClient",
    "OpenApiException",
    "S3DatasetParams",
    "Study",
    "TrainerResources",
    "export_experiment",
    "import_trials",
    "log_to_mlflow",
    "models",
    "report_metrics",
    "search",
    "tune",
    "EarlyStopped",
    "TuneFailedError",
    "TuneInterrupted",
    "TuneResult",
]


def __getattr__(name: str) -> Any:
    """A public name, or a model, as ``katib.V1beta1Experiment``."""
    place = _PUBLIC.get(name)
    if place is None and name.startswith("V1"):
        place = f"katib.models:{name}"
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    """What is public, the models too."""
    own = [name for name in globals() if name.startswith("__")]
    models = [name for name in dir(import_module("katib.models")) if name.startswith("V1")]
    return sorted({*own, *__all__, *models})


def report_metrics(
    metrics: Mapping[str, object],
    db_manager_address: str | None = None,
    timeout: float = 120,
    *,
    timestamp: datetime | float | str | None = None,
) -> None:
    """Report metrics of the trial in which this program runs; its collector is ``Push``.

    They go by HTTP or into a file where the trial has such an address, else to the database manager
    of a cluster. When this returns, they are safe.

    Args:
        metrics: names and values; numbers of any kind, NumPy's too, or their texts.
        db_manager_address: ``host:port`` of a database manager that is to be asked instead.
        timeout: for how many seconds an engine that is away is tried.
        timestamp: when the values were measured, when that was not now: an aware ``datetime``, a
            text such as ``2026-01-31T12:00:00Z``, or seconds since 1970.

    Raises:
        katib.client.routes.UnreportableError: a ``ValueError``: this program runs in no trial, or
            something is no number.
        katib.client.routes.ReportError: a ``RuntimeError``: the report did not arrive.
    """
    # Whoever imports katib may want something else of it.
    import os
    from datetime import UTC

    from katib.client.reporting import find_route, report
    from katib.client.routes import Pace

    route = find_route(os.environ, db_manager_address, Pace(timeout))
    report(metrics, route, datetime.now(UTC), timestamp)
