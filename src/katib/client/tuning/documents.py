"""The documents of a tuned function: its Experiment, and what that needs. Pure."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from katib.api import names
from katib.api.names import API_VERSION
from katib.api.values import Manifest
from katib.client.tuning.parameters import SearchSpace
from katib.client.tuning.shipping import Shipment, UnshippableError

#: The container of a cluster's trials, and where it finds the function.
CONTAINER, FOLDER = "function", "/katib-function"

#: The keys of the ConfigMap that holds a function.
HEADER, PICKLED = "header.json", "function.pickle.z"

#: How large a function may be in a ConfigMap, compressed, in bytes: a request to Kubernetes holds
#: 1.5 MiB, of which base64 takes four thirds.
LARGEST_IN_CLUSTER = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a user wants, as an Experiment will say it.

    Attributes:
        name: of the experiment.
        namespace: where it is.
        space: what is searched.
        metric: the objective metric.
        additional_metrics: others that are kept.
        type: ``minimize`` or ``maximize``.
        goal: a value that is good enough.
        algorithm: its name.
        settings: of the algorithm.
        stopping: the early stopping algorithm; empty for none.
        stopping_settings: of that.
        trials: how many there may be; ``None`` for as many as the algorithm has.
        parallel: how many run at once; ``None`` for Katib's own number.
        failed: after how many failures the experiment fails; ``None`` for however many.
    """

    name: str
    namespace: str
    space: SearchSpace
    metric: str
    additional_metrics: Sequence[str] = ()
    type: str = names.MINIMIZE
    goal: float | None = None
    algorithm: str
    settings: Mapping[str, object] = field(default_factory=dict)
    stopping: str = ""
    stopping_settings: Mapping[str, object] = field(default_factory=dict)
    trials: int | None = None
    parallel: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trial may take; ``None`` for as much as it likes.

    Attributes:
        seconds: of time.
        memory: a quantity, as ``512Mi``.
    """

    seconds: float | None = None
    memory: str | None = None


def experiment_of(plan: Plan, template: Manifest) -> Manifest:
    """The Experiment of a plan.

    Args:
        plan: what is wanted.
        template: its ``spec.trialTemplate``, without the trial's parameters.
    """
    objective = {
        "type": plan.type,
        "objectiveMetricName": plan.metric,
        "additionalMetricNames": list(plan.additional_metrics) or None,
        "goal": plan.goal,
        # What a function returns, after what it has reported, is what it stands for.
        "metricStrategies": [
            {"name": name, "value": names.LATEST}
            for name in (plan.metric, *plan.additional_metrics)
        ],
    }
    spec: Manifest = {
        "objective": _told(objective),
        "algorithm": _algorithm(plan.algorithm, plan.settings),
        "earlyStopping": plan.stopping and _algorithm(plan.stopping, plan.stopping_settings),
        "maxTrialCount": plan.trials,
        "parallelTrialCount": plan.parallel,
        "maxFailedTrialCount": plan.failed,
        # The same call goes on with a larger budget.
        "resumePolicy": names.LONG_RUNNING,
        "parameters": [dict(one) for one in plan.space.parameters],
        "trialTemplate": {
            **template,
            "trialParameters": [{"name": one, "reference": one} for one in plan.space.names],
        },
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Experiment",
        "metadata": {"name": plan.name, "namespace": plan.namespace},
        "spec": _told(spec),
    }


def function_call(function: str, space: SearchSpace, limits: Limits) -> Manifest:
    """The trial template of one machine: a call in a warm process.

    Args:
        function: the name of its file in the home.
        space: what is searched.
        limits: of each call.
    """
    spec = {
        "function": function,
        "arguments": {name: _placeholder(name) for name in space.names},
        "timeoutSeconds": limits.seconds,
        "memoryLimit": limits.memory,
    }
    run = {"apiVersion": "katib.kubeflow.org/v1alpha1", "kind": "FunctionCall", "spec": _told(spec)}
    return {"trialSpec": run}


def config_map_of(plan: Plan, shipment: Shipment) -> Manifest:
    """What holds the function in a cluster.

    Raises:
        UnshippableError: the function is too large for it.
    """
    packed = zlib.compress(shipment.pickled, 9)
    if len(packed) > LARGEST_IN_CLUSTER:
        raise UnshippableError(
            f"{shipment.header['name']} takes {len(packed):,} bytes with all that it uses, "
            f"compressed, and a ConfigMap holds {LARGEST_IN_CLUSTER:,}: read large data inside the "
            "function, from a volume or an address that the cluster reaches"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_map_name(plan, shipment), "namespace": plan.namespace},
        "data": {HEADER: json.dumps(shipment.header, sort_keys=True)},
        "binaryData": {PICKLED: base64.b64encode(packed).decode()},
    }


def config_map_name(plan: Plan, shipment: Shipment) -> str:
    """The name of the ConfigMap that holds a function: another one for another function."""
    return f"{plan.name}-{shipment.digest[:10]}"


def job_of(plan: Plan, function: str, image: str, limits: Limits) -> Manifest:
    """The trial template of a cluster: a Job that calls the function of a ConfigMap.

    Args:
        plan: what is wanted.
        function: the name of the ConfigMap.
        image: has this Python, this Katib, and what the function imports.
        limits: of each trial.
    """
    words = ["python", "-u", "-m", "katib.client.tuning.standalone", FOLDER]
    words += [f"{name}={_placeholder(name)}" for name in plan.space.names]
    container: Manifest = {
        "name": CONTAINER,
        "image": image,
        "command": words,
        "volumeMounts": [{"name": CONTAINER, "mountPath": FOLDER, "readOnly": True}],
    }
    if limits.memory is not None:
        container["resources"] = {"limits": {"memory": limits.memory}}
    volume = {"name": CONTAINER, "configMap": {"name": function}}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": None if limits.seconds is None else max(1, round(limits.seconds)),
        "template": {"spec": pod},
    }
    return {
        "primaryContainerName": CONTAINER,
        "trialSpec": {"apiVersion": "batch/v1", "kind": "Job", "spec": _told(spec)},
    }


def _algorithm(name: str, settings: Mapping[str, object]) -> Manifest:
    pairs = [{"name": key, "value": _setting(value)} for key, value in settings.items()]
    return _told({"algorithmName": name, "algorithmSettings": pairs or None})


def _setting(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _placeholder(name: str) -> str:
    return f"${{trialParameters.{name}}}"


def _told(fields: Mapping[str, object]) -> Manifest:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}
