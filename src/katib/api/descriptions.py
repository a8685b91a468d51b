"""What users are told of the fields of our kinds: the texts of ``kubectl explain``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from katib.api import names
from katib.api.stopping import COMPARISONS

_TIMES = {
    "startTime": "When the controller first saw it.",
    "completionTime": "When it was completed; null until then.",
    "lastReconcileTime": "Kept for older clients, not written.",
    "conditions": "What happened to it; the last one is the newest, and says how it stands.",
}

_WORDS: dict[str, dict[str, str]] = {
    "Experiment": {
        "spec": "What is wanted.",
        "status": "What became of it. Written by the controllers.",
    },
    "ExperimentSpec": {
        "parameters": "The search space: the parameters and the values that each may take. An "
        "experiment has either these or `nasConfig`.",
        "objective": "The metric to optimise, in which direction, and how far.",
        "algorithm": "The search algorithm that chooses the assignments.",
        "earlyStopping": "The rule that ends trials early which do badly. None when absent.",
        "trialTemplate": "How each trial's program is run, with a placeholder for every parameter.",
        "parallelTrialCount": "How many trials run at once, 3 when absent.",
        "maxTrialCount": "After how many completed trials the experiment succeeds. No limit when "
        "absent.",
        "maxFailedTrialCount": "After how many trials that failed or reported no metrics the "
        "experiment fails. No limit when absent.",
        "metricsCollectorSpec": "How the metrics of a trial are read: from its standard output "
        "when absent.",
        "nasConfig": "The search space of a neural architecture search, instead of `parameters`.",
        "resumePolicy": "What is kept when the experiment is completed, and so whether it can go "
        "on when `maxTrialCount` is raised: Never, the default, keeps nothing; LongRunning keeps "
        "the algorithm running; FromVolume keeps its volume.",
    },
    "ParameterSpec": {
        "name": "The parameter's name, by which the trial template refers to it.",
        "parameterType": "What its values are: double, int, discrete numbers or categories.",
        "feasibleSpace": "The values it may take.",
    },
    "FeasibleSpace": {
        "min": "The smallest value of a double or int parameter, written as a string.",
        "max": "The largest value of a double or int parameter, written as a string.",
        "step": "The distance between the values of a double or int parameter, as a string.",
        "list": "The values of a discrete or categorical parameter, each written as a string.",
        "distribution": "How values are drawn between `min` and `max`, uniform when absent.",
    },
    "ObjectiveSpec": {
        "type": "Whether a small or a large value is good.",
        "goal": "The experiment succeeds as soon as a trial reaches this value.",
        "objectiveMetricName": "The name of the metric that is optimised.",
        "additionalMetricNames": "Other metrics to collect. They are kept, not optimised. A name "
        "may hold wildcards: `*` for any characters, `?` for one.",
        "metricStrategies": "Which value counts of all that a metric had in a trial: min, max or "
        "latest. When absent, min if the objective is to minimize and max if it is to maximize.",
        "nonFinite": "What becomes of a trial whose objective is nan or infinite: fail, ignore "
        "(such values are left out) or penalise (it counts as worse than every other). When "
        "absent, it succeeds and is never the optimum.",
    },
    "AlgorithmSpec": {
        "algorithmName": "The algorithm, as random, grid, tpe, bayesianoptimization, cmaes, "
        "hyperband or pbt; or the early stopping rule, as medianstop.",
        "algorithmSettings": "Its settings; each algorithm has its own.",
    },
    "TrialTemplate": {
        "retain": "Whether a trial's job stays when the trial is completed.",
        "trialSpec": "The manifest of the job, as `${trialParameters.name}` wherever a value is to "
        "be put. Its name and namespace are the trial's and must be absent.",
        "configMap": "Where the manifest is kept instead of `trialSpec`.",
        "trialParameters": "The placeholders of the manifest.",
        "primaryPodLabels": "Which of the job's pods report the metrics: those with these labels.",
        "primaryContainerName": "The container that trains and reports the metrics.",
        "successCondition": "When the job has succeeded: a GJSON path that finds something in it. "
        "Known for jobs of common kinds.",
        "failureCondition": "When the job has failed: a GJSON path that finds something in it. "
        "Known for jobs of common kinds.",
    },
    "ConfigMapSource": {
        "configMapName": "The ConfigMap's name.",
        "configMapNamespace": "The ConfigMap's namespace.",
        "templatePath": "The key in the ConfigMap under which the manifest stands.",
    },
    "TrialParameter": {
        "name": "The placeholder's name: `${trialParameters.name}` is replaced.",
        "description": "What it means, for readers.",
        "reference": "The name of a parameter of the search space, or something about the trial "
        "itself, as `${trialSpec.Name}`.",
    },
    "MetricsCollectorSpec": {
        "source": "Where the metrics are found.",
        "collector": "Which collector reads them.",
    },
    "CollectorSpec": {
        "kind": "Where the program writes its metrics: to standard output, a file, TensorFlow "
        "events or a Prometheus endpoint; read by a container of yours (Custom), or told by the "
        "program itself (Push).",
        "customCollector": "The container of the kind Custom.",
    },
    "SourceSpec": {
        "httpGet": "The port and path of the Prometheus endpoint, 8080 and /metrics when absent.",
        "fileSystemPath": "The file or folder that the program writes.",
        "filter": "How the metrics are recognised in a text.",
    },
    "FileSystemPath": {
        "path": "The absolute path.",
        "kind": "Whether it is a file or a folder.",
        "format": "How a file is written: lines of text or lines of JSON.",
    },
    "FilterSpec": {
        "metricsFormat": "Regular expressions, each with two groups: the metric's name and its "
        "value.",
    },
    "NasConfig": {
        "graphConfig": "The outline of the network.",
        "operations": "The kinds of layers that it may have.",
    },
    "GraphConfig": {
        "numLayers": "The number of layers.",
        "inputSizes": "The dimensions of the input.",
        "outputSizes": "The dimensions of the output.",
    },
    "Operation": {
        "operationType": "The kind of layer, as convolution.",
        "parameters": "What may vary in it.",
    },
    "NameValue": {"name": "The name.", "value": "The value, always a string."},
    "ExperimentStatus": {
        **_TIMES,
        "currentOptimalTrial": "The best trial so far.",
        "trials": "How many trials there are.",
        "trialsSucceeded": "How many trials succeeded.",
        "trialsFailed": "How many trials failed.",
        "trialsKilled": "How many trials were killed.",
        "trialsPending": "How many trials wait to run.",
        "trialsRunning": "How many trials run.",
        "trialsEarlyStopped": "How many trials were stopped early.",
        "trialMetricsUnavailable": "How many trials ended without reporting the objective metric.",
        "succeededTrialList": "The trials that succeeded.",
        "failedTrialList": "The trials that failed.",
        "killedTrialList": "The trials that were killed.",
        "pendingTrialList": "The trials that wait to run.",
        "runningTrialList": "The trials that run.",
        "earlyStoppedTrialList": "The trials that were stopped early.",
        "metricsUnavailableTrialList": "The trials that ended without the objective metric.",
    },
    "OptimalTrial": {
        "bestTrialName": "Its name.",
        "parameterAssignments": "The value of every parameter.",
        "observation": "The values of its metrics.",
    },
    "Observation": {"metrics": "One entry for every metric."},
    "Metric": {
        "name": "The metric's name.",
        "min": "Its smallest value; `unavailable` when it had none.",
        "max": "Its largest value; `unavailable` when it had none.",
        "latest": "Its last value; `unavailable` when it was never reported.",
    },
    "Condition": {
        "type": "What is stated, as Running or Succeeded.",
        "status": "Whether it is so.",
        "reason": "Why, in one word for programs.",
        "message": "Why, in a sentence for people.",
        "lastUpdateTime": "When this was last written.",
        "lastTransitionTime": "Since when it is so.",
    },
    "Suggestion": {
        "spec": "What is asked of the algorithm.",
        "status": "What the algorithm answered. Written by the controllers.",
    },
    "SuggestionSpec": {
        "algorithm": "The search algorithm, as the experiment names it.",
        "earlyStopping": "The early stopping rule, as the experiment names it.",
        "requests": "How many assignments are wanted in all, those already given included.",
        "resumePolicy": "What is kept when the experiment is completed, as the experiment says.",
    },
    "SuggestionStatus": {
        **_TIMES,
        "algorithmSettings": "Settings that the algorithm wants to be asked with next time.",
        "suggestionCount": "How many assignments were given.",
        "suggestions": "The assignments, one for each trial.",
    },
    "TrialAssignment": {
        "name": "The trial's name.",
        "parameterAssignments": "The value of every parameter.",
        "earlyStoppingRules": "When to stop this trial early.",
        "labels": "Labels that the trial gets.",
    },
    "EarlyStoppingRule": {
        "name": "The metric that is watched.",
        "value": "What the metric's value is compared with; in some comparisons several numbers.",
        "comparison": "How the metric's value must compare for the trial to stop.",
        "startStep": "From which report of the metric on; the first when absent.",
    },
    "Trial": {
        "spec": "What is run, and how it is judged.",
        "status": "What became of it. Written by the controllers.",
    },
    "TrialSpec": {
        "objective": "The experiment's objective.",
        "parameterAssignments": "The value of every parameter.",
        "earlyStoppingRules": "When to stop this trial early.",
        "runSpec": "The manifest of the job, with every value in its place.",
        "retainRun": "Whether the job stays when the trial is completed.",
        "metricsCollector": "How the metrics are read.",
        "primaryPodLabels": "Which of the job's pods report the metrics: those with these labels.",
        "primaryContainerName": "The container that trains and reports the metrics.",
        "successCondition": "When the job has succeeded: a GJSON path that finds something in it.",
        "failureCondition": "When the job has failed: a GJSON path that finds something in it.",
        "labels": "Labels of the trial.",
    },
    "TrialStatus": {**_TIMES, "observation": "The values of its metrics, once they were read."},
    "ObjectMeta": {
        "name": "The name, unique in the namespace among resources of the kind.",
        "generateName": "The beginning of the name, completed when there is no `name`.",
        "namespace": "The namespace.",
        "selfLink": "Kept for older clients, not written.",
        "uid": "Tells apart resources that had the same name at different times.",
        "resourceVersion": "Grows with every write; an update with an older one is refused.",
        "generation": "Grows when what is wanted changes.",
        "creationTimestamp": "When the resource was created.",
        "deletionTimestamp": "When its deletion was asked for.",
        "deletionGracePeriodSeconds": "How long it may take to end, in seconds.",
        "labels": "Names and values by which resources are found.",
        "annotations": "Names and values that programs keep with the resource.",
        "ownerReferences": "The resources it belongs to; it goes when they go.",
        "finalizers": "What has to be done before it may go.",
        "managedFields": "Which program wrote which fields.",
    },
    "OwnerReference": {
        "apiVersion": "The owner's group and version.",
        "kind": "The owner's kind.",
        "name": "The owner's name.",
        "uid": "The owner's uid.",
        "controller": "Whether the owner is the one that controls the resource.",
        "blockOwnerDeletion": "Whether the owner waits for the resource when both are deleted.",
    },
}

#: What is told of a kind's or part's field, as ``WORDS["ObjectiveSpec"]["goal"]``.
WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(_WORDS)

#: The fields that every resource has.
HEAD: Mapping[str, str] = MappingProxyType(
    {
        "apiVersion": "The group and version of the kind.",
        "kind": "The kind of resource this is.",
        "metadata": "What is kept of every resource: its name, labels, owners.",
    }
)

_RESUME_POLICIES = (names.NEVER, names.LONG_RUNNING, names.FROM_VOLUME)

#: The values that a field may have, where there are few.
ENUMS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("ExperimentSpec", "resumePolicy"): _RESUME_POLICIES,
        ("SuggestionSpec", "resumePolicy"): _RESUME_POLICIES,
        ("ParameterSpec", "parameterType"): names.PARAMETER_TYPES,
        ("FeasibleSpace", "distribution"): names.DISTRIBUTIONS,
        ("ObjectiveSpec", "type"): (names.MINIMIZE, names.MAXIMIZE),
        ("ObjectiveSpec", "nonFinite"): names.NON_FINITE_POLICIES,
        ("CollectorSpec", "kind"): names.COLLECTOR_KINDS,
        ("FileSystemPath", "kind"): ("File", "Directory"),
        ("FileSystemPath", "format"): ("TEXT", "JSON"),
        ("EarlyStoppingRule", "comparison"): COMPARISONS,
        ("Condition", "status"): ("True", "False", "Unknown"),
    }
)

#: The fields without which a part is refused. Fields that get a default are not among them.
REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ExperimentSpec": ("objective", "algorithm", "trialTemplate"),
        "ParameterSpec": ("name", "parameterType", "feasibleSpace"),
        "ObjectiveSpec": ("type", "objectiveMetricName"),
        "AlgorithmSpec": ("algorithmName",),
        "TrialTemplate": ("trialParameters", "primaryContainerName"),
        "ConfigMapSource": ("configMapName", "configMapNamespace", "templatePath"),
        "TrialParameter": ("name", "reference"),
        "EarlyStoppingRule": ("name", "value", "comparison"),
        "Condition": ("type", "status"),
        "OwnerReference": ("apiVersion", "kind", "name", "uid"),
    }
)
