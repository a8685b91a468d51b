from __future__ import annotations

from pathlib import Path

import pytest
import typer

from katib.cli.dry_run import show
from katib.cli.metrics import metrics
from katib.errors import ManifestError

EXPERIMENT = """
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata:
  name: printed
spec:
  objective:
    type: minimize
    objectiveMetricName: loss
    additionalMetricNames: [f1]
  algorithm:
    algorithmName: random
  maxTrialCount: 3
  parameters:
    - name: lr
      parameterType: double
      feasibleSpace: {min: "0.01", max: "0.1"}
  trialTemplate:
    primaryContainerName: main
    trialParameters:
      - {name: lr, reference: lr}
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        template:
          spec:
            restartPolicy: Never
            containers:
              - name: main
                command: [train, "--lr=${trialParameters.lr}"]
"""
JSON = """
  metricsCollectorSpec:
    collector: {kind: File}
    source: {fileSystemPath: {path: /metrics.json, kind: File, format: JSON}}
"""
FILTER = """
  metricsCollectorSpec:
    source: {filter: {metricsFormat: ['(\\w+) -> ([\\d.]+)']}}
"""
PUSH = """
  metricsCollectorSpec:
    collector: {kind: Push}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def dry_run(place: Path, log: str, more: str = "", metric: str | None = None) -> bool:
    (place / "experiment.yaml").write_text(EXPERIMENT + more)
    (place / "log").write_text(log)
    return show(place / "experiment.yaml", place / "log", metric)


def test_entries_are_printed_and_what_became_of_each_metric(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = "2024-03-04T12:00:00Z loss=0.5\nloss=nan\nloss=0.25\nF1 is 0.3\n"
    assert dry_run(place, log)
    told = capsys.readouterr()
    assert told.out == "2024-03-04T12:00:00Z\tloss\t0.5\n-\tloss\tnan\n-\tloss\t0.25\n"
    assert told.err == (
        "loss: 3 values, min 0.25, max 0.5, latest 0.5\n"
        "f1: nothing; these lines were nearly that:\n    F1 is 0.3\n"
    )


@pytest.mark.parametrize(
    ("log", "more", "expected"),
    [
        pytest.param('{"loss": 0.5}\nloss=1\n', JSON, ["0.5"], id="JSON of a file"),
        pytest.param("loss -> 0.5\nloss=1\n", FILTER, ["0.5"], id="a filter"),
        pytest.param("{'loss': 0.5}\n", "", ["0.5"], id="another form"),
        pytest.param("val loss: 0.5\n", "", [], id="another metric"),
        pytest.param("", "", [], id="nothing printed"),
    ],
)
def test_a_log_is_read_as_the_experiments_collector_reads_it(
    log: str, more: str, expected: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(place, log, more) is bool(expected)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[2] for line in lines] == expected


def test_one_metric_may_be_shown_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(place, "loss=1\nf1=2\n", metric="f1")
    told = capsys.readouterr()
    assert told.out == "-\tf1\t2\n"
    assert told.err == "f1: 1 value, min 2, max 2, latest 2\n"


def test_what_a_wildcard_matches_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, wild = "val_a=1 loss=2 val_b=3\n", EXPERIMENT.replace("[f1]", "['val_*']")
    (place / "wild.yaml").write_text(wild)
    (place / "log").write_text(log)
    assert show(place / "wild.yaml", place / "log", None)
    told = capsys.readouterr()
    assert told.out == "-\tval_a\t1\n-\tloss\t2\n-\tval_b\t3\n"
    assert [line.partition(":")[0] for line in told.err.splitlines()] == ["loss", "val_a", "val_b"]
    assert show(place / "wild.yaml", place / "log", "val_b")
    assert capsys.readouterr().out == "-\tval_b\t3\n"


def test_a_metric_that_nobody_asks_for_is_refused(place: Path) -> None:
    with pytest.raises(typer.BadParameter, match="--metric acc: the experiment asks for loss, f1"):
        dry_run(place, "acc=1\n", metric="acc")


def test_a_collector_that_reads_nothing_is_refused(place: Path) -> None:
    with pytest.raises(typer.BadParameter, match="Push reads no log"):
        dry_run(place, "", PUSH)


def test_a_log_that_is_not_there_is_refused(place: Path) -> None:
    (place / "experiment.yaml").write_text(EXPERIMENT)
    with pytest.raises(typer.BadParameter, match="there is no such file"):
        show(place / "experiment.yaml", place / "log", None)


def test_a_file_with_two_experiments_is_refused(place: Path) -> None:
    second = EXPERIMENT.replace("name: printed", "name: other", 1)
    with pytest.raises(ManifestError, match="holds 2 experiments; it should hold one"):
        dry_run(place, "", f"\n---{second}")


@pytest.mark.parametrize(
    ("trial", "is_dry", "log", "file"),
    [
        (None, False, None, None),
        ("x", True, Path("log"), Path("file")),
        (None, True, Path("log"), None),
        (None, True, None, Path("file")),
        ("x", False, Path("log"), None),
    ],
)
def test_a_trial_or_a_dry_run_must_be_asked_for(
    trial: str | None, is_dry: bool, log: Path | None, file: Path | None
) -> None:
    with pytest.raises(typer.BadParameter, match="name a TRIAL, or give --dry-run"):
        metrics(trial, dry_run=is_dry, log=log, file=file)


def test_a_dry_run_without_the_objective_metric_fails(place: Path) -> None:
    (place / "experiment.yaml").write_text(EXPERIMENT)
    (place / "log").write_text("f1=2\n")
    with pytest.raises(typer.Exit) as ending:
        metrics(None, dry_run=True, log=place / "log", file=place / "experiment.yaml")
    assert ending.value.exit_code == 1
