"""A home as an engine or a cluster leaves it: what each test of a diagnosis looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from katib.api import codec, names
from katib.api.experiment import EXPERIMENTS, CollectorSpec, Experiment, MetricsCollectorSpec
from katib.api.kinds import JOBS, PODS
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionSpec, SuggestionStatus
from katib.api.trial import TRIALS, Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, Manifest, ObjectMeta, Resource, Strings, Unstructured
from katib.apps.home import Home
from katib.cli.diagnosis.finding import Finding
from katib.cli.diagnosis.places import HomePlace
from katib.cli.diagnosis.scene import Scene
from katib.cli.diagnosis.walk import diagnose
from katib.stores.events import SqliteEventRecorder
from katib.stores.sqlite import SqliteReader, SqliteStore
from katib.testing.builders import CREATED_AT, an_experiment
from katib.testing.clocks import FakeClock

SUCCESS = 'status.conditions.#(type=="Complete")#|#(status=="True")#'
FAILURE = 'status.conditions.#(type=="Failed")#|#(status=="True")#'

#: The status lists that a trial of a last condition is in.
_LISTS = {
    names.RUNNING: "running_trial_list",
    names.FAILED: "failed_trial_list",
    names.SUCCEEDED: "succeeded_trial_list",
    names.METRICS_UNAVAILABLE: "metrics_unavailable_trial_list",
}


class LeftBehind:
    """Fills a home, and then diagnoses its one experiment.

    Args:
        path: the home's folder.
    """

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self._lock = self.home.lock()
        self.is_engine_running = True
        clock = FakeClock()
        self.store = SqliteStore(self.home.resources, clock)
        self.events = SqliteEventRecorder(self.home.resources, clock)
        self._lists: dict[str, list[str]] = {}
        self.experiment = self.store.create(EXPERIMENTS, an_experiment().build())

    def close(self) -> None:
        """Release what is held."""
        self.store.close()
        self.events.close()
        if self.is_engine_running:
            self._lock.release()

    def diagnose(self) -> Finding:
        """What an explanation finds in what is on disk."""
        if not self.is_engine_running:
            self._lock.release()
        lists: dict[str, Any] = {name: tuple(found) for name, found in self._lists.items()}
        status = replace(self.experiment.status, **lists)
        self.put(replace(self.experiment, status=status))
        self.events.flush(is_last=True)
        self.store.flush()
        reader = SqliteReader(self.home.resources)
        try:
            experiment = reader.get(EXPERIMENTS, self.experiment.key)
            return diagnose(Scene(reader, HomePlace(self.home), experiment))
        finally:
            reader.close()

    def put(self, experiment: Experiment) -> None:
        """Store another status and spec of the experiment."""
        stored = self.store.update(EXPERIMENTS, experiment)
        fresh = replace(experiment, metadata=stored.metadata)
        self.experiment = self.store.update_status(EXPERIMENTS, fresh)

    def state(self, *found: Condition, **status: Any) -> None:
        """The experiment's conditions and counters."""
        fresh = replace(self.experiment.status, conditions=found, **status)
        self.put(replace(self.experiment, status=fresh))

    def specify(self, **spec: Any) -> None:
        """Fields of the experiment's spec."""
        self.put(replace(self.experiment, spec=replace(self.experiment.spec, **spec)))

    def suggestion(self, *found: Condition, requests: int = 3, given: int = 3) -> Suggestion:
        """The suggestion, in this state."""
        suggestion = Suggestion(
            metadata=ObjectMeta(name=self.experiment.metadata.name, namespace="default"),
            spec=SuggestionSpec(requests=requests),
            status=SuggestionStatus(suggestion_count=given, conditions=found),
        )
        return self.store.create(SUGGESTIONS, suggestion)

    def trial(self, *found: Condition, name: str = "one", **spec: Any) -> Trial:
        """A trial in this state, which the experiment's status lists."""
        usual: dict[str, Any] = {
            "objective": self.experiment.spec.objective,
            "run_spec": codec.to_raw(a_job(name, ["train", "--lr=1"])),
            "metrics_collector": MetricsCollectorSpec(collector=CollectorSpec(kind="StdOut")),
            "primary_container_name": "main",
            "success_condition": SUCCESS,
            "failure_condition": FAILURE,
        }
        labels = Strings({names.LABEL_EXPERIMENT: self.experiment.metadata.name})
        trial = Trial(
            metadata=ObjectMeta(name=name, namespace="default", labels=labels),
            spec=TrialSpec(**{**usual, **spec}),
            status=TrialStatus(conditions=found),
        )
        last = found[-1].type if found else names.RUNNING
        self._lists.setdefault(_LISTS.get(last, "pending_trial_list"), []).append(name)
        return self.store.create(TRIALS, trial)

    def job(self, name: str = "one", spec: Manifest | None = None, **status: Any) -> None:
        """The run of a trial."""
        body = {**a_job(name, ["train"]), "status": status}
        body["spec"] = {**body["spec"], **(spec or {})}
        self.store.create(JOBS, codec.from_manifest(JOBS, body))

    def pod(self, job: str = "one", **status: Any) -> None:
        """A pod of that run."""
        metadata = ObjectMeta(
            name=f"{job}-abcde", namespace="default", labels=Strings({names.LABEL_JOB: job})
        )
        pod = Unstructured(
            api_version="v1", kind="Pod", metadata=metadata, body={"spec": {}, "status": status}
        )
        self.store.create(PODS, pod)

    def warn(self, resource: Resource, reason: str, message: str) -> None:
        """An event of type Warning."""
        self.events.record(resource, reason, message, warning=True)

    def log(self, *lines: str, trial: str = "one") -> None:
        """What a trial's program printed."""
        folder = self.home.trials / "default" / trial
        folder.mkdir(parents=True)
        (folder / "abcde.log").write_text("\n".join(lines) + "\n")


def a_condition(type: str, reason: str = "", message: str = "", status: str = "True") -> Condition:
    """A condition since the builders' beginning of time."""
    return Condition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_update_time=CREATED_AT,
        last_transition_time=CREATED_AT,
    )


def waiting(reason: str, message: str = "", status: str = "False") -> Condition:
    """A ``Progressing`` condition."""
    return a_condition(names.PROGRESSING, reason, message, status)


def a_job(name: str, command: Sequence[str]) -> Manifest:
    """The manifest of a run."""
    container = {"name": "main", "image": "any", "command": list(command)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


RUNNING = a_condition(names.RUNNING, "TrialRunning", "Trial is running")
UNMEASURED = a_condition(names.METRICS_UNAVAILABLE, "MetricsUnavailable", "Metrics are gone")
LIMIT_REACHED = a_condition(
    names.FAILED,
    "ExperimentFailed",
    "Experiment has failed because max failed count has reached",
)
