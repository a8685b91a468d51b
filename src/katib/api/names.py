"""Names that users and programs rely on: labels, finalizers, condition types, defaults."""

from __future__ import annotations

API_VERSION = "kubeflow.org/v1beta1"

LABEL_EXPERIMENT = "katib.kubeflow.org/experiment"
LABEL_TRIAL = "katib.kubeflow.org/trial"
LABEL_SUGGESTION = "katib.kubeflow.org/suggestion"
#: On a pod, or a template of pods, that has all that a trial's pod needs: webhooks leave it alone.
LABEL_PREPARED = "katib.kubeflow.org/prepared"
LABEL_JOB = "batch.kubernetes.io/job-name"
#: On a trial: the one whose checkpoint it begins with.
LABEL_PARENT = "pbt.suggestion.katib.kubeflow.org/parent"

#: On a trial: it ended elsewhere, and was brought in with what it observed. As an annotation of an
#: experiment: how many such trials it has.
LABEL_IMPORTED = "katib.kubeflow.org/imported"

#: On an experiment: for how many trials somebody has asked. No more are made of the algorithm's
#: assignments, so that each is given with all that is known when it is asked for.
ANNOTATION_ASKED = "katib.kubeflow.org/asked"
#: On an experiment: the mark of who raised that last, by which they know that they did.
ANNOTATION_ASKED_BY = "katib.kubeflow.org/asked-by"
#: On an experiment whose imported trials are not all there yet: which import that is.
ANNOTATION_IMPORTING = "katib.kubeflow.org/importing"
#: On an experiment: with ``"true"``, no trials are made for now.
ANNOTATION_SUSPEND = "katib.kubeflow.org/suspend"
#: On an experiment: with ``"true"``, no trials are made any more, and it ends with those it has.
ANNOTATION_STOP = "katib.kubeflow.org/stop"
#: On a trial that others carry out: changes whenever something was told of it.
ANNOTATION_TOLD = "katib.kubeflow.org/told"

#: The algorithm setting that names a path where each trial finds its checkpoint, and leaves it.
SETTING_TRIAL_DIR = "suggestion_trial_dir"

FINALIZER_EXPERIMENT = "update-prometheus-metrics"
FINALIZER_TRIAL = "clean-metrics-in-db"

ENV_TRIAL_NAME = "KATIB_TRIAL_NAME"
ENV_NAMESPACE = "KATIB_NAMESPACE"
#: Of a call to the database manager: the namespace of the trial that it names.
METADATA_NAMESPACE = "katib-namespace"
#: Of a call that says that a trial was stopped early: why, in UTF-8. Katib's message has no place
#: for it, and its services do not look.
METADATA_REASON = "katib-reason-bin"
#: By what a collector shows the database manager and the operator whose it is.
ENV_DB_MANAGER_TOKEN = "KATIB_DB_MANAGER_TOKEN"
# Where a program pushes its metrics: by HTTP, as the bearer of a token, or into a file.
ENV_METRICS_URL = "KATIB_METRICS_URL"
ENV_METRICS_TOKEN = "KATIB_METRICS_TOKEN"
ENV_METRICS_DROP = "KATIB_METRICS_DROP"
# Where it finds the database manager, unless that has the name and the port of Katib's own.
ENV_DB_MANAGER_HOST = "KATIB_DB_MANAGER_SERVICE_IP"
ENV_DB_MANAGER_NAMESPACE = "KATIB_DB_MANAGER_SERVICE_NAMESPACE"
ENV_DB_MANAGER_PORT = "KATIB_DB_MANAGER_SERVICE_PORT"

# Condition types
CREATED = "Created"
RUNNING = "Running"
RESTARTING = "Restarting"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
KILLED = "Killed"
EARLY_STOPPED = "EarlyStopped"
METRICS_UNAVAILABLE = "MetricsUnavailable"
#: On a Suggestion whose algorithm is a program of its own: whether that runs.
DEPLOYMENT_READY = "DeploymentReady"
#: On a Suggestion: the algorithm has no more assignments.
EXHAUSTED = "Exhausted"
#: What is waited for; ``False`` when it will not come without help. Gone when all is over.
PROGRESSING = "Progressing"

# Parameter types
DOUBLE, INT, DISCRETE, CATEGORICAL, UNKNOWN = "double", "int", "discrete", "categorical", "unknown"
PARAMETER_TYPES = (DOUBLE, INT, DISCRETE, CATEGORICAL, UNKNOWN)
DISTRIBUTIONS = ("uniform", "logUniform", "normal", "logNormal", "unknown")

MINIMIZE, MAXIMIZE = "minimize", "maximize"
MIN, MAX, LATEST = "min", "max", "latest"

# What becomes of values of the objective that are nan or infinite
FAIL, IGNORE, PENALISE = "fail", "ignore", "penalise"
NON_FINITE_POLICIES = (FAIL, IGNORE, PENALISE)

NEVER, LONG_RUNNING, FROM_VOLUME = "Never", "LongRunning", "FromVolume"

#: The names that Katib gives the container of a collector: one that shows what the program prints,
#: and one that does not.
COLLECTOR_CONTAINERS = ("metrics-logger-and-collector", "metrics-collector")
COLLECTOR_KINDS = ("StdOut", "File", "TensorFlowEvent", "PrometheusMetric", "Custom", "Push")

#: A metric that never had a value, in observations and observation logs.
UNAVAILABLE = "unavailable"

#: How many names a list in a status holds at most; the counters beside it are always exact.
LONGEST_LIST = 1000

#: How much JSON the assignments in a Suggestion's status may be, in bytes: etcd refuses objects
#: above 1.5 MB, and every client reads them whole.
LONGEST_SUGGESTIONS = 250_000
