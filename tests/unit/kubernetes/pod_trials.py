"""Trials and pods, as the tests of this room need them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from katib.api import names
from katib.api.codec import to_raw
from katib.api.experiment import (
    CollectorSpec,
    FileSystemPath,
    FilterSpec,
    MetricsCollectorSpec,
    ObjectiveSpec,
    SourceSpec,
)
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial, TrialSpec
from katib.api.values import Manifest, ObjectMeta, Strings
from katib.kubernetes.sidecars import Cluster

IMAGE = "registry.example/katib:1"
CLUSTER = Cluster(image=IMAGE)
RULE = EarlyStoppingRule(name="loss", value="0.5", comparison="greater", start_step=4)


def a_trial(
    kind: str = "StdOut",
    path: str = "",
    format: str = "",
    filters: tuple[str, ...] = (),
    custom: Manifest | None = None,
    http_get: Manifest | None = None,
    **spec: Any,
) -> Trial:
    place = None
    if path:
        is_folder = kind == "TensorFlowEvent"
        place = FileSystemPath(path=path, kind="Directory" if is_folder else "File", format=format)
    source = SourceSpec(
        file_system_path=place, filter=FilterSpec(metrics_format=filters) if filters else None
    )
    if http_get is not None:
        source = replace(source, http_get=to_raw(http_get))
    collector = CollectorSpec(kind=kind)
    if custom is not None:
        collector = replace(collector, custom_collector=to_raw(custom))
    objective = ObjectiveSpec(
        type="minimize", objective_metric_name="loss", additional_metric_names=("accuracy",)
    )
    made = TrialSpec(
        objective=objective,
        metrics_collector=MetricsCollectorSpec(source=source, collector=collector),
        primary_container_name="main",
    )
    metadata = ObjectMeta(
        name="tune-x1",
        namespace="team-a",
        uid="uid-1",
        labels=Strings({names.LABEL_EXPERIMENT: "tune", "team": "a"}),
    )
    return Trial(metadata=metadata, spec=replace(made, **spec))


def a_pod(**spec: Any) -> Manifest:
    main = {"name": "main", "image": "train:1", "command": ["python", "train.py"]}
    return {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [main], **spec}}


def container(pod: Manifest, name: str, part: str = "containers") -> Manifest:
    (found,) = [one for one in pod["spec"][part] if one["name"] == name]
    made: Manifest = found
    return made
