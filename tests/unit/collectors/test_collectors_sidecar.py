from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from event_files import scalar, write
from metrics_server import MetricsServer, well
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import to_raw
from katib.api.experiment import (
    EXPERIMENTS,
    AlgorithmSpec,
    CollectorSpec,
    Experiment,
    FileSystemPath,
    FilterSpec,
    MetricsCollectorSpec,
    SourceSpec,
)
from katib.api.kinds import FUNCTION_CALLS, JOBS, PODS
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api.values import (
    Condition,
    Key,
    Manifest,
    NameValue,
    ObjectMeta,
    Resource,
    Strings,
    Unstructured,
    owner_reference,
)
from katib.collectors import prometheus
from katib.collectors.following import Bare
from katib.collectors.sidecar import LogSidecars
from katib.observations.memory import MemoryObservationLog
from katib.ports.call_reports import CallReports
from katib.ports.early_stopper import RulesNow
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.sidecar import Sidecar
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")


class FakeOutfit:
    """Remembers what was asked for; every file lies in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapped: list[tuple[str, bool]] = []
        self.checkpoints: list[tuple[str, Key, str, str]] = []
        self.files: dict[str, bytes] = {}
        self.added: list[Manifest] = []

    def __call__(self, container: str) -> str:
        return {"main": f"{self.folder}/main.log"}[container]

    def map_path(self, path: str, is_folder: bool = False) -> str:
        self.mapped.append((path, is_folder))
        return f"{self.folder}{path}"

    def map_checkpoints(self, path: str, experiment: Key, trial: str, parent: str = "") -> str:
        self.checkpoints.append((path, experiment, trial, parent))
        return f"{self.folder}/checkpoints"

    def add_file(self, name: str, content: bytes) -> str:
        self.files[name] = content
        return f"{self.folder}/{name}"

    def add_container(self, container: Manifest) -> str:
        if container.get("name") in (None, "main"):
            raise ValueError("it needs another name")
        self.added.append(container)
        return f"{self.folder}/added.log"


class Stage:
    """A trial, its Job, and pods of the Job."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.observations = MemoryObservationLog()
        self.told: list[tuple[str, str]] = []
        self.said: list[tuple[str, str]] = []
        self.outfit = FakeOutfit(folder)
        self.live: list[EarlyStoppingRule] | None = None
        self.sidecars = LogSidecars(
            self.store, self.observations, self, self.clock, self.find_rules
        )
        experiment = an_experiment().with_parameter("lr", min="0", max="1").build()
        self.experiment = self.store.create(EXPERIMENTS, experiment)

    def find_rules(self, trial: Trial, experiment: Experiment) -> RulesNow | None:
        assert (trial.key, experiment.key) == (KEY, self.experiment.key)
        live = self.live
        return None if live is None else lambda: live

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        (self.told if warning else self.said).append((reason, message))

    def trial(self, kind: str = "StdOut", **spec: Any) -> Trial:
        source = spec.pop("source", None)
        container = spec.pop("container", None)
        collector = CollectorSpec(kind=kind)
        if container is not None:
            collector = replace(collector, custom_collector=to_raw(container))
        made = TrialSpec(
            objective=self.experiment.spec.objective,
            parameter_assignments=(NameValue(name="lr", value="0.5"),),
            metrics_collector=MetricsCollectorSpec(collector=collector, source=source),
            primary_container_name="main",
        )
        metadata = ObjectMeta(
            name=KEY.name,
            namespace=KEY.namespace,
            owner_references=(owner_reference(self.experiment),),
        )
        return self.store.create(TRIALS, Trial(metadata=metadata, spec=replace(made, **spec)))

    def pod(self, trial: Trial, name: str = "tune-x1-abc", **labels: str) -> Unstructured:
        job = self.store.find(JOBS, KEY) or self.store.create(
            JOBS,
            Unstructured(
                api_version="batch/v1",
                kind="Job",
                metadata=ObjectMeta(
                    name=KEY.name,
                    namespace=KEY.namespace,
                    owner_references=(owner_reference(trial),),
                ),
            ),
        )
        metadata = ObjectMeta(
            name=name,
            namespace=KEY.namespace,
            labels=Strings(labels),
            owner_references=(owner_reference(job),),
        )
        return self.store.create(
            PODS, Unstructured(api_version="v1", kind="Pod", metadata=metadata)
        )

    def attach(self, pod: Unstructured) -> Sidecar:
        found = self.sidecars.attach(pod, self.outfit)
        assert found is not None
        return found

    def write(self, name: str, text: str) -> None:
        path = self.outfit.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def conditions(self) -> list[tuple[str, str, str]]:
        found = self.store.get(TRIALS, KEY).status.conditions
        return [(one.type, one.reason, one.message) for one in found]

    @property
    def entries(self) -> list[MetricEntry]:
        return list(self.observations.read(KEY))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def file(path: str, format: str = "TEXT", filters: tuple[str, ...] = ()) -> SourceSpec:
    return SourceSpec(
        file_system_path=FileSystemPath(path=path, kind="File", format=format),
        filter=FilterSpec(metrics_format=filters) if filters else None,
    )


def test_a_pod_of_no_trial_has_no_sidecar(stage: Stage) -> None:
    pod = Unstructured(api_version="v1", kind="Pod", metadata=ObjectMeta(name="p"))
    assert stage.sidecars.attach(pod, stage.outfit) is None
    assert stage.outfit.files == {}


def test_what_is_printed_is_read_whatever_path_the_experiment_names(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial(source=file("/var/log/katib/metrics.log"))))
    stage.write("main.log", "loss=1\n")
    assert sidecar.advance(is_ended=True)
    assert stage.entries == [MetricEntry(NO_TIME, "loss", "1")]
    assert stage.outfit.mapped == []
    assert "KATIB_METRICS_FILE" not in sidecar.environment


def test_every_pod_of_a_trial_gets_its_name_and_its_parameters(stage: Stage) -> None:
    trial = stage.trial(primary_pod_labels=Strings({"role": "master"}))
    folder = stage.outfit.folder
    for name, role in (("a", "master"), ("b", "servant")):
        sidecar = stage.attach(stage.pod(trial, name, role=role))
        assert sidecar.environment == {
            "KATIB_TRIAL_NAME": KEY.name,
            "KATIB_PARAMETER_LR": "0.5",
            "KATIB_PARAMETERS_FILE": f"{folder}/parameters.json",
        }
    assert stage.outfit.files == {"parameters.json": b'{"lr": 0.5}\n'}


def test_parameters_of_an_experiment_that_is_gone_stay_texts(stage: Stage) -> None:
    trial = stage.trial()
    stage.store.delete(EXPERIMENTS, stage.experiment.key)
    pod = Unstructured(
        api_version="v1",
        kind="Pod",
        metadata=ObjectMeta(namespace=KEY.namespace, owner_references=(owner_reference(trial),)),
    )
    # What is owned goes with its owner, unless somebody still holds it.
    stage.store.find(TRIALS, KEY) or stage.store.create(TRIALS, replace(trial))
    stage.attach(pod)
    assert stage.outfit.files == {"parameters.json": b'{"lr": "0.5"}\n'}


def test_only_the_primary_pod_is_read(stage: Stage) -> None:
    trial = stage.trial(primary_pod_labels=Strings({"role": "master"}))
    sidecar = stage.attach(stage.pod(trial, role="servant"))
    stage.write("main.log", "loss=1\n")
    assert sidecar.advance(is_ended=True)
    assert (stage.entries, sidecar.note) == ([], "")


def test_a_file_is_read_where_its_path_is_mapped(stage: Stage) -> None:
    source = file("/katib/log", filters=(r"(\w+): (\d+)",))
    sidecar = stage.attach(stage.pod(stage.trial("File", source=source)))
    stage.write("katib/log", "loss: 1\nloss=2\n")
    stage.write("main.log", "loss: 3\n")
    assert sidecar.advance(is_ended=True)
    assert [entry.value for entry in stage.entries] == ["1"]
    assert stage.outfit.mapped == [("/katib/log", False)]
    assert sidecar.environment["KATIB_METRICS_FILE"] == f"{stage.outfit.folder}/katib/log"


def test_every_pod_of_a_trial_has_the_paths_of_the_primary_one(stage: Stage) -> None:
    trial = stage.trial("File", source=file("/k/log"), primary_pod_labels=Strings({"a": "b"}))
    sidecar = stage.attach(stage.pod(trial, a="c"))
    assert sidecar.environment["KATIB_METRICS_FILE"] == f"{stage.outfit.folder}/k/log"
    stage.write("k/log", "loss=1\n")
    assert sidecar.advance(is_ended=True)
    assert stage.entries == []


ABSENT: dict[str, tuple[SourceSpec, str | None, str]] = {
    "no file": (file("/k/log"), None, "The program ended well but did not write /k/log. For this"),
    "an empty file": (
        file("/k/log"),
        "",
        'The program ended well but wrote no line into /k/log with "loss=<number>". It is empty',
    ),
    "other lines": (
        file("/k/log"),
        "one\ntwo\n\nthree\nfour\n",
        'wrote no line into /k/log with "loss=<number>". Its end: two | three | four',
    ),
    "no line that the filter takes": (
        file("/k/log", filters=(r"(\w+)-(\d)", r"(\w+)/(\d)")),
        "loss=1",
        r"no line into /k/log that the filter (\w+)-(\d) or (\w+)/(\d) takes. These lines were",
    ),
    "no object": (
        file("/k/log", "JSON"),
        "loss=1",
        'no line into /k/log that is a JSON object with a text or a number for "loss". These '
        "lines were nearly that: loss=1",
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_a_metric_that_is_in_no_file_is_missed_in_words(case: str, stage: Stage) -> None:
    source, text, words = ABSENT[case]
    sidecar = stage.attach(stage.pod(stage.trial("File", source=source)))
    if text is not None:
        stage.write("k/log", text)
    assert sidecar.advance(is_ended=True)
    assert words in sidecar.note
    assert stage.told == [("MetricNotFound", sidecar.note)]
    assert stage.entries == [MetricEntry(NO_TIME, "loss", names.UNAVAILABLE)]


def test_event_files_are_read_in_the_folder_that_is_mapped(stage: Stage) -> None:
    place = FileSystemPath(path="/logs/test", kind="Directory")
    source = SourceSpec(file_system_path=place)
    sidecar = stage.attach(stage.pod(stage.trial("TensorFlowEvent", source=source)))
    assert stage.outfit.mapped == [("/logs/test", True)]
    folder = Path(sidecar.environment["KATIB_METRICS_FILE"])
    assert folder == stage.outfit.folder / "logs/test"
    write(folder, scalar("loss", 0.5))
    assert sidecar.advance(is_ended=False)
    assert [entry.value for entry in stage.entries] == ["0.5"]
    assert sidecar.advance(is_ended=True)
    assert stage.entries == [MetricEntry(NO_TIME, "loss", "0.5")]
    assert (stage.told, sidecar.note) == ([], "")


def test_a_metric_that_is_in_no_event_file_is_missed_with_the_tags_there_are(stage: Stage) -> None:
    source = SourceSpec(file_system_path=FileSystemPath(path="/logs", kind="Directory"))
    sidecar = stage.attach(stage.pod(stage.trial("TensorFlowEvent", source=source)))
    write(stage.outfit.folder / "logs/test", scalar("epoch_loss", 0.5))
    assert sidecar.advance(is_ended=True)
    assert sidecar.note.endswith("Folders and tags there: test/epoch_loss")
    assert stage.told == [("MetricNotFound", sidecar.note)]
    assert stage.entries == [MetricEntry(NO_TIME, "loss", names.UNAVAILABLE)]


def test_what_is_no_file_is_told(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial("File", source=file("/k/log"))))
    (stage.outfit.folder / "k/log").mkdir(parents=True)
    assert sidecar.advance(is_ended=True)
    assert sidecar.note.startswith("The program ended well but no metric was found in /k/log (")


def test_a_failed_pod_misses_nothing(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial("File", source=file("/k/log"))))
    assert sidecar.advance(is_ended=True, is_failed=True)
    assert (stage.entries, stage.told, sidecar.note) == ([], [], "")


def test_a_metric_that_is_no_number_is_told(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial("File", source=file("/k/log", "JSON"))))
    stage.write("k/log", '{"loss": "low"}\n{"loss": NaN}\n')
    assert sidecar.advance(is_ended=True)
    assert stage.told == [("MetricNotANumber", sidecar.note)]
    assert [entry.value for entry in stage.entries] == ["low", "NaN"]


def test_wildcards_are_read_as_far_as_they_go(stage: Stage) -> None:
    objective = an_experiment().with_objective(additional=["val_*"]).build().spec.objective
    rule = EarlyStoppingRule(name="ruled", value="0", comparison="less", start_step=0)
    trial = stage.trial(objective=objective, early_stopping_rules=(rule,))
    sidecar = stage.attach(stage.pod(trial))
    many = " ".join(f"val_{number}=0" for number in range(1000))
    text = f"loss=1 ruled=2 other=3 val_x=4\n{many}\n"
    stage.write("main.log", text)
    assert sidecar.advance(is_ended=False)
    found = [entry.name for entry in stage.entries]
    assert found == ["loss", "val_x", *(f"val_{number}" for number in range(99))]
    assert [reason for reason, _ in stage.told] == ["TooManyMetrics"]
    stage.write("main.log", f"{text}val_x=5 val_500=1\n")
    assert sidecar.advance(is_ended=True)
    assert [entry.name for entry in stage.entries][101:] == ["val_x"]
    assert [reason for reason, _ in stage.told] == ["TooManyMetrics"]


def test_one_number_among_others_is_enough(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial()))
    stage.write("main.log", "loss=nan loss=0.5 loss=inf")
    assert sidecar.advance(is_ended=True)
    assert (stage.told, sidecar.note) == ([], "")


def test_a_metric_that_is_infinite_is_told(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial()))
    stage.write("main.log", "loss=inf loss=1e400 loss=nan loss=inf\n")
    assert sidecar.advance(is_ended=True)
    assert stage.told == [("MetricNotANumber", sidecar.note)]
    assert "2x inf, 1x a number too large, 1x nan: the trial cannot be compared" in sidecar.note


def served(**stated: Any) -> SourceSpec:
    return SourceSpec(http_get=to_raw({"path": "/metrics", "port": 1, **stated}))


def test_a_program_that_serves_its_metrics_is_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "EVERY_SECONDS", 0.01)
    sidecar = stage.attach(stage.pod(stage.trial("PrometheusMetric", source=served())))
    port = int(sidecar.environment["KATIB_METRICS_PORT"])
    assert stage.outfit.files["tune-x1-abc.port"] == f"{port}\n".encode()
    sidecar.advance(is_ended=False)
    with MetricsServer(well("loss 0.5\n"), port):
        deadline = time.monotonic() + 60
        while not stage.entries:
            assert time.monotonic() < deadline
            sidecar.advance(is_ended=False)
    while not sidecar.advance(is_ended=True):
        pass
    assert stage.entries == [MetricEntry(stage.clock.now(), "loss", "0.5")]
    assert (stage.told, sidecar.note) == ([], "")


def test_a_program_that_serves_nothing_is_told_of(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial("PrometheusMetric", source=served())))
    assert sidecar.advance(is_ended=True)
    assert stage.told == [("MetricNotFound", sidecar.note)]
    assert "the port in the variable KATIB_METRICS_PORT" in sidecar.note


def test_what_cannot_be_read_is_told_once_and_while_it_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "EVERY_SECONDS", 0.01)
    with MetricsServer(well("", "HTTP/1.0 404 Not Found")) as server:
        stated = served(host="127.0.0.1", port=server.port)
        sidecar = stage.attach(stage.pod(stage.trial("PrometheusMetric", source=stated)))
        deadline = time.monotonic() + 60
        while len(server.requests) < 3 or not stage.told:
            assert time.monotonic() < deadline
            sidecar.advance(is_ended=False)
    [(reason, message)] = stage.told
    assert reason == "MetricsNotRead"
    assert message.endswith(f":{server.port}/metrics: the answer is 404 Not Found")


def test_what_was_seen_before_stays_when_a_program_is_found_again(stage: Stage) -> None:
    trial = stage.trial("PrometheusMetric", source=served())
    pod = stage.pod(trial)
    stage.attach(pod)
    stage.observations.report(KEY, [MetricEntry(NO_TIME, "loss", "1")])
    for name, content in stage.outfit.files.items():
        (stage.outfit.folder / name).write_bytes(content)
    again = LogSidecars(stage.store, stage.observations, stage, stage.clock)
    found = again.attach(pod, stage.outfit)
    assert found is not None
    assert found.advance(is_ended=True)
    # What is known already is not missing, though nothing came any more.
    assert (stage.told, found.note) == ([], "")
    assert [entry.value for entry in stage.entries] == ["1"]
    # Another pod begins anew.
    again.attach(stage.pod(trial, "tune-x1-def"), stage.outfit)
    assert stage.entries == []


def test_every_pod_of_a_trial_has_a_port_and_the_primary_one_is_asked(stage: Stage) -> None:
    labels = Strings({"role": "master"})
    trial = stage.trial("PrometheusMetric", source=served(), primary_pod_labels=labels)
    worker = stage.attach(stage.pod(trial, "worker"))
    master = stage.attach(stage.pod(trial, "master", role="master"))
    ports = {one.environment["KATIB_METRICS_PORT"] for one in (worker, master)}
    assert len(ports) == 2
    assert isinstance(worker, Bare)
    assert not isinstance(master, Bare)


def test_a_later_pod_replaces_what_an_earlier_one_reported(stage: Stage) -> None:
    trial = stage.trial()
    first = stage.attach(stage.pod(trial, "a"))
    stage.write("main.log", "loss=1\n")
    first.advance(is_ended=False)
    second = stage.attach(stage.pod(trial, "b"))
    stage.write("main.log", "loss=2\n")
    second.advance(is_ended=True)
    assert [entry.value for entry in stage.entries] == ["2"]


def test_the_output_of_a_program_that_pushes_is_not_read(stage: Stage) -> None:
    trial = stage.trial("Push", source=file("/k/log"))
    sidecar = stage.attach(stage.pod(trial, "a"))
    stage.write("main.log", "loss=1\n")
    assert sidecar.advance(is_ended=True)
    assert (stage.entries, stage.outfit.mapped) == ([], [])
    assert [reason for reason, _ in stage.told] == ["MetricNotFound"]
    assert sidecar.environment["KATIB_TRIAL_NAME"] == KEY.name


def test_what_was_pushed_stays_when_another_pod_starts(stage: Stage) -> None:
    trial = stage.trial("Push")
    stage.attach(stage.pod(trial, "a"))
    pushed = MetricEntry(NO_TIME, "loss", "1")
    stage.observations.report(KEY, [pushed])
    stage.attach(stage.pod(trial, "b"))
    assert stage.entries == [pushed]


def test_a_custom_collector_runs_beside_and_its_output_is_read(stage: Stage) -> None:
    container = {"name": "collect", "args": ["-path", "/k"]}
    source = SourceSpec(file_system_path=FileSystemPath(path="/k", kind="Directory"))
    sidecar = stage.attach(stage.pod(stage.trial("Custom", source=source, container=container)))
    stage.write("added.log", "loss=1\n")
    stage.write("main.log", "loss=2\n")
    assert sidecar.advance(is_ended=True)
    assert [entry.value for entry in stage.entries] == ["1"]
    assert (stage.outfit.added, stage.outfit.mapped) == ([container], [("/k", True)])


@pytest.mark.parametrize("container", [None, {"image": "a"}, {"name": "main"}])
def test_a_custom_collector_without_a_name_of_its_own_is_told(
    container: Manifest | None, stage: Stage
) -> None:
    sidecar = stage.attach(stage.pod(stage.trial("Custom", container=container)))
    assert stage.told == [("CollectorNotStarted", "customCollector: it needs another name")]
    assert sidecar.advance(is_ended=True)


def test_a_pod_without_the_primary_container_is_told(stage: Stage) -> None:
    trial = stage.trial("File", source=file("/k/log"), primary_container_name="other")
    assert stage.attach(stage.pod(trial)).advance(is_ended=True)
    assert stage.told == [("PrimaryContainerMissing", 'The pod has no container "other"')]


CHECKPOINTS: dict[str, tuple[dict[str, str], dict[str, str], list[tuple[str, Key, str, str]]]] = {
    "a trial of an experiment that names no path for checkpoints has none": ({}, {}, []),
    "an empty path is none": ({"suggestion_trial_dir": ""}, {}, []),
    "a trial has checkpoints at the path of its experiment": (
        {"suggestion_trial_dir": "/c"},
        {},
        [("/c", Key("default", "tune"), KEY.name, "")],
    ),
    "a trial goes on from those of the parent that its labels name": (
        {"suggestion_trial_dir": "/c"},
        {"pbt.suggestion.katib.kubeflow.org/parent": "tune-x0"},
        [("/c", Key("default", "tune"), KEY.name, "tune-x0")],
    ),
}


@pytest.mark.parametrize("kind", ["StdOut", "Push"])
@pytest.mark.parametrize("case", CHECKPOINTS)
def test_where_a_trials_checkpoints_are(case: str, kind: str, stage: Stage) -> None:
    settings, labels, expected = CHECKPOINTS[case]
    experiment = an_experiment().named("tune").with_algorithm("pbt", **settings).build()
    stage.experiment = stage.store.create(EXPERIMENTS, experiment)
    trial = stage.trial(kind)
    metadata = replace(trial.metadata, labels=Strings(labels))
    stage.store.update(TRIALS, replace(trial, metadata=metadata))
    stage.attach(stage.pod(trial))
    assert stage.outfit.checkpoints == expected


def rules(*names: str, value: str = "1", step: int = 0) -> tuple[EarlyStoppingRule, ...]:
    return tuple(
        EarlyStoppingRule(name=name, value=value, comparison="greater", start_step=step)
        for name in names
    )


REASON = "loss=2.0, the best by report 2, is greater than 1"
STOPPED = ("EarlyStopped", "TrialEarlyStopped", f"Trial is early stopped: {REASON}")


@pytest.mark.rule("A stopped trial says which rule it met, with which value")
def test_a_trial_that_meets_its_rules_is_stopped_when_its_pod_has_ended(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial(early_stopping_rules=rules("loss", step=2))))
    stage.write("main.log", "loss=3\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == ""
    stage.write("main.log", "loss=3\nloss=2\nloss=0\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == REASON
    assert stage.conditions == []
    sidecar.note_stop(sidecar.stop_reason)
    assert stage.conditions == [STOPPED]
    assert stage.said == [STOPPED[1:]]
    sidecar.note_stop(sidecar.stop_reason)
    assert (stage.conditions, len(stage.said)) == ([STOPPED], 1)
    (condition,) = stage.store.get(TRIALS, KEY).status.conditions
    assert condition.last_transition_time == condition.last_update_time == stage.clock.now()


@pytest.mark.rule("A running trial is judged by what others have reported by then")
def test_rules_that_come_while_a_trial_runs(stage: Stage) -> None:
    stage.live = []
    sidecar = stage.attach(stage.pod(stage.trial()))
    stage.write("main.log", "loss=3\n")
    sidecar.advance(is_ended=False)
    stage.live.extend(rules("loss", value="1:0,2:1"))
    stage.write("main.log", "loss=3\nloss=2\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == REASON + ".0"


@pytest.mark.rule("An engine that takes a trial over judges no old report by what is known now")
def test_old_reports_after_a_restart(stage: Stage) -> None:
    stage.live = list(rules("loss", value="2:1,3:1"))
    pod = stage.pod(stage.trial())
    stage.observations.report(KEY, [MetricEntry(NO_TIME, "loss", value) for value in "32"])
    sidecar = stage.attach(pod)
    stage.write("main.log", "loss=3\nloss=2\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == ""
    stage.write("main.log", "loss=3\nloss=2\nloss=2\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == "loss=2.0, the best by report 3, is greater than 1.0"


REPORTS: dict[str, tuple[str, SourceSpec | None, str]] = {
    "Every match of a filter in a line is a report": (
        "main.log",
        None,
        "loss=3 loss=2 loss=0\n",
    ),
    "Numbers in JSON are reports, where Katib passed over all but texts": (
        "k/log",
        file("/k/log", "JSON"),
        'no json\n{"loss": 3}\n{"acc": 1}\n{"loss": "2"}\n{"loss": 0}\n',
    ),
    "the user's own filter": (
        "k/log",
        file("/k/log", filters=(r"(\w+): (\d+)",)),
        "loss: 3\nloss=1\nloss: 2\nloss: 0\n",
    ),
}


@pytest.mark.parametrize("sentence", REPORTS)
def test_what_a_report_is(sentence: str, stage: Stage) -> None:
    name, source, text = REPORTS[sentence]
    kind = "StdOut" if source is None else "File"
    trial = stage.trial(kind, source=source, early_stopping_rules=rules("loss", step=2))
    sidecar = stage.attach(stage.pod(trial))
    stage.write(name, text)
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == REASON
    assert [entry.value for entry in stage.entries] == ["3", "2", "0"]


@pytest.mark.rule("A metric that only a rule names is looked at and not kept")
def test_a_metric_of_a_rule_alone(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial(early_stopping_rules=rules("heat"))))
    stage.write("main.log", "loss=1 heat=90\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == "heat=90.0, at report 1, is greater than 1"
    assert stage.entries == [MetricEntry(NO_TIME, "loss", "1")]


@pytest.mark.rule("A rule whose threshold is no number is never met, and that is told")
def test_a_rule_that_cannot_be_met(stage: Stage) -> None:
    trial = stage.trial(early_stopping_rules=rules("loss", value="much"))
    sidecar = stage.attach(stage.pod(trial))
    assert stage.told == [
        (
            "EarlyStoppingRuleNeverMet",
            'The value "much" of the rule for loss cannot be read: the trial is not stopped early',
        )
    ]
    stage.write("main.log", "loss=9\n")
    sidecar.advance(is_ended=False)
    assert sidecar.stop_reason == ""


def end(stage: Stage, type: str) -> None:
    trial = stage.store.get(TRIALS, KEY)
    ended = (Condition(type=type, status="True", reason="Somebody"),)
    stage.store.update_status(
        TRIALS, replace(trial, status=replace(trial.status, conditions=ended))
    )


@pytest.mark.rule("A trial that has ended in another way is not stopped as well")
@pytest.mark.parametrize("type", [names.KILLED, names.FAILED, names.SUCCEEDED, names.EARLY_STOPPED])
def test_a_trial_that_has_ended(type: str, stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial(early_stopping_rules=rules("loss"))))
    end(stage, type)
    sidecar.note_stop(REASON)
    assert [condition[:2] for condition in stage.conditions] == [(type, "Somebody")]
    assert stage.said == []


@pytest.mark.rule("A trial that is gone cannot be stopped")
def test_a_trial_that_is_gone(stage: Stage) -> None:
    sidecar = stage.attach(stage.pod(stage.trial(early_stopping_rules=rules("loss"))))
    stage.store.delete(TRIALS, KEY)
    sidecar.note_stop(REASON)
    assert stage.store.find(TRIALS, KEY) is None
    assert stage.said == []


@pytest.mark.rule("A pod of a trial that is already stopped runs nothing and loses no metrics")
def test_a_pod_of_a_stopped_trial(stage: Stage) -> None:
    trial = stage.trial(early_stopping_rules=rules("loss"))
    stage.write("main.log", "loss=2\n")
    first = stage.attach(stage.pod(trial, "a"))
    first.advance(is_ended=True)
    first.note_stop(REASON)
    second = stage.attach(stage.pod(trial, "b"))
    assert second.stop_reason == "The trial is early stopped"
    assert second.advance(is_ended=True)
    second.note_stop(second.stop_reason)
    assert [entry.value for entry in stage.entries] == ["2"]
    assert [condition[0] for condition in stage.conditions] == ["EarlyStopped"]


def a_call(stage: Stage, trial: Trial | None) -> Unstructured:
    owners = () if trial is None else (owner_reference(trial),)
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace, owner_references=owners)
    call = Unstructured(
        api_version=FUNCTION_CALLS.api_version, kind=FUNCTION_CALLS.name, metadata=metadata
    )
    return stage.store.create(FUNCTION_CALLS, call)


def entries(*values: str, name: str = "loss") -> list[MetricEntry]:
    return [MetricEntry(NO_TIME, name, value) for value in values]


def called(stage: Stage, **spec: Any) -> CallReports:
    found = stage.sidecars.attach_call(a_call(stage, stage.trial("Push", **spec)))
    assert found is not None
    return found


def test_a_call_of_no_trial_has_no_reports(stage: Stage) -> None:
    assert stage.sidecars.attach_call(a_call(stage, None)) is None


def test_what_a_call_reports_is_kept(stage: Stage) -> None:
    reports = called(stage)
    assert reports.trial == KEY
    assert reports.take(entries("2", "nan")) == ""
    assert reports.take(entries("1", name="other")) == ""
    assert [(one.name, one.value) for one in stage.entries] == [
        ("loss", "2"),
        ("loss", "nan"),
        ("other", "1"),
    ]
    assert reports.conclude() == ""
    assert stage.told == []


def test_what_an_earlier_call_of_the_trial_reported_is_forgotten(stage: Stage) -> None:
    stage.observations.report(KEY, entries("3"))
    called(stage).take(entries("1"))
    assert [one.value for one in stage.entries] == ["1"]


def test_a_call_that_meets_its_rules_is_stopped(stage: Stage) -> None:
    reports = called(stage, early_stopping_rules=rules("loss", step=2))
    assert reports.take(entries("3")) == ""
    assert reports.take(entries("2")) == REASON
    reports.note_stop(REASON)
    assert stage.conditions == [STOPPED]


def test_rules_that_come_while_a_call_is_made(stage: Stage) -> None:
    early = with_early_stopping(stage)
    stage.live = []
    reports = called(early)
    assert reports.take(entries("3")) == ""
    stage.live.extend(rules("loss", value="1:0,2:1"))
    assert reports.take(entries("2")) == REASON + ".0"


def with_early_stopping(stage: Stage) -> Stage:
    spec = replace(stage.experiment.spec, early_stopping=AlgorithmSpec(algorithm_name="medianstop"))
    stage.experiment = stage.store.update(EXPERIMENTS, replace(stage.experiment, spec=spec))
    return stage


@pytest.mark.parametrize(
    ("given", "reason", "note"),
    [
        ([], "MetricNotFound", 'metric "loss", the objective; it gave nothing'),
        (entries("1", name="acc"), "MetricNotFound", "it gave only acc"),
        (entries("nan", "inf"), "MetricNotANumber", 'No value of metric "loss" was a finite'),
    ],
)
def test_a_call_without_its_metric_is_told(
    given: list[MetricEntry], reason: str, note: str, stage: Stage
) -> None:
    reports = called(stage)
    reports.take(given)
    told = reports.conclude()
    assert note in told
    assert stage.told == [(reason, told)]
