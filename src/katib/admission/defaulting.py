"""What an Experiment means where it says nothing."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import from_raw, to_raw
from katib.api.experiment import (
    CollectorSpec,
    Experiment,
    ExperimentSpec,
    FileSystemPath,
    MetricsCollectorSpec,
    ObjectiveSpec,
    ParameterSpec,
    SourceSpec,
    TrialTemplate,
)
from katib.api.kinds import FUNCTION_CALLS
from katib.api.values import NameValue, Strings

NAMESPACE = "default"
PARALLEL_TRIAL_COUNT = 3
DISTRIBUTION = "uniform"
METRICS_FILE = "/var/log/katib/metrics.log"
EVENT_DIRECTORY = "/var/log/katib/tfevent/"
PROMETHEUS_PATH = "/metrics"
PROMETHEUS_PORT = 8080
#: The name of the one thing that a function call runs, where others name a container.
FUNCTION = "function"

_STRATEGIES = {names.MINIMIZE: names.MIN, names.MAXIMIZE: names.MAX}

_COMPLETE = 'status.conditions.#(type=="Complete")#|#(status=="True")#'
_SUCCEEDED = 'status.conditions.#(type=="Succeeded")#|#(status=="True")#'
_FAILED = 'status.conditions.#(type=="Failed")#|#(status=="True")#'
_MASTER = Strings({"training.kubeflow.org/job-role": "master"})
_NODE = Strings(
    {
        "jobset.sigs.k8s.io/replicatedjob-name": "node",
        "batch.kubernetes.io/job-completion-index": "0",
    }
)

#: Kind of the template → success condition, failure condition, labels of the primary pod.
_TEMPLATES: dict[str, tuple[str, str, Strings | None]] = {
    "Job": (_COMPLETE, _FAILED, None),
    "TFJob": (_SUCCEEDED, _FAILED, _MASTER),
    "PyTorchJob": (_SUCCEEDED, _FAILED, _MASTER),
    "XGBoostJob": (_SUCCEEDED, _FAILED, _MASTER),
    "MPIJob": (_SUCCEEDED, _FAILED, _MASTER),
    "TrainJob": (_COMPLETE, _FAILED, _NODE),
    FUNCTION_CALLS.name: (_COMPLETE, _FAILED, None),
}

#: The kinds of a ``trialSpec`` whose conditions need not be given.
KINDS_WITH_CONDITIONS = tuple(_TEMPLATES)


def conditions_of(kind: str) -> tuple[str, str] | None:
    """The success and the failure condition of a kind; ``None`` where they are not known."""
    found = _TEMPLATES.get(kind)
    return None if found is None else found[:2]


#: Kind of the collector → where it reads.
_FILES: dict[str, FileSystemPath] = {
    "File": FileSystemPath(kind="File", path=METRICS_FILE, format="TEXT"),
    "TensorFlowEvent": FileSystemPath(kind="Directory", path=EVENT_DIRECTORY),
}


def with_defaults(experiment: Experiment) -> Experiment:
    """The experiment with everything filled in that may be left out. What is said is kept."""
    metadata, spec = experiment.metadata, experiment.spec
    return replace(
        experiment,
        metadata=replace(metadata, namespace=metadata.namespace or NAMESPACE),
        spec=_spec(spec),
    )


def _spec(spec: ExperimentSpec) -> ExperimentSpec:
    parallel, objective, template = (
        spec.parallel_trial_count,
        spec.objective,
        spec.trial_template,
    )
    return replace(
        spec,
        parallel_trial_count=PARALLEL_TRIAL_COUNT if parallel is None else parallel,
        resume_policy=spec.resume_policy or names.NEVER,
        objective=None if objective is None else _objective(objective),
        trial_template=None if template is None else _template(template),
        metrics_collector_spec=_collector(
            spec.metrics_collector_spec or MetricsCollectorSpec(), template
        ),
        parameters=tuple(_parameter(parameter) for parameter in spec.parameters),
    )


def _objective(objective: ObjectiveSpec) -> ObjectiveSpec:
    value = _STRATEGIES.get(objective.type, names.LATEST)
    missing = [
        NameValue(name=name, value=value)
        for name in dict.fromkeys(objective.metric_names)
        if all(strategy.name != name for strategy in objective.metric_strategies)
    ]
    return replace(objective, metric_strategies=(*objective.metric_strategies, *missing))


def _template(template: TrialTemplate) -> TrialTemplate:
    # A ConfigMap's text may change later, so nothing is concluded from it.
    found = _TEMPLATES.get(_kind(template.trial_spec))
    if found is None:
        return template
    success, failure, labels = found
    calls = calls_function(template)
    return replace(
        template,
        primary_container_name=template.primary_container_name or (FUNCTION if calls else ""),
        success_condition=template.success_condition or success,
        failure_condition=template.failure_condition or failure,
        primary_pod_labels=template.primary_pod_labels or labels,
    )


def calls_function(template: TrialTemplate) -> bool:
    """Whether trials of the template are calls of a function."""
    return _kind(template.trial_spec) == FUNCTION_CALLS.name


def _kind(trial_spec: Raw | UnsetType) -> str:
    manifest: Any = {} if isinstance(trial_spec, UnsetType) else from_raw(trial_spec)
    kind = manifest.get("kind") if isinstance(manifest, dict) else None
    return kind if isinstance(kind, str) else ""


def _collector(spec: MetricsCollectorSpec, template: TrialTemplate | None) -> MetricsCollectorSpec:
    calls = template is not None and calls_function(template)
    collector = spec.collector or CollectorSpec(kind="Push" if calls else "StdOut")
    source = spec.source
    if collector.kind == "PrometheusMetric":
        source = source or SourceSpec()
        source = replace(source, http_get=_http_get(source.http_get))
    elif collector.kind in _FILES:
        source = source or SourceSpec()
        source = replace(source, file_system_path=_file(source, _FILES[collector.kind]))
    return replace(spec, collector=collector, source=source)


def _http_get(http_get: Raw | UnsetType) -> Raw:
    stated = {} if http_get is UNSET else from_raw(http_get)
    port = stated.get("port")
    return to_raw(
        {
            **stated,
            "path": stated.get("path") or PROMETHEUS_PATH,
            "port": PROMETHEUS_PORT if port in (None, 0, "", "0") else port,
        }
    )


def _file(source: SourceSpec, default: FileSystemPath) -> FileSystemPath:
    stated = source.file_system_path or FileSystemPath()
    return FileSystemPath(
        kind=stated.kind or default.kind,
        path=stated.path or default.path,
        format=stated.format or default.format,
    )


def _parameter(parameter: ParameterSpec) -> ParameterSpec:
    space = parameter.feasible_space
    return replace(
        parameter,
        feasible_space=replace(space, distribution=space.distribution or DISTRIBUTION),
    )
