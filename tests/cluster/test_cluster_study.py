"""Ask and tell in a cluster: the same study, of an operator that runs no pod for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import wait_for
from stage import Stage

import katib
from katib.client.exchange.calls import import_trials
from katib.client.finding import find_backend
from katib.client.study import Study
from katib.kubernetes.client import KubernetesClient

pytestmark = pytest.mark.timeout(300)

SPACE = {"x": katib.search.double(-5, 5)}


@pytest.fixture
def stage(
    client: KubernetesClient, kubeconfig: Path, namespace: str, tmp_path: Path
) -> Iterator[Stage]:
    stage = Stage(client, kubeconfig, namespace, tmp_path)
    stage.operator.start()
    yield stage
    stage.close()


def test_programs_ask_and_tell_in_a_cluster(stage: Stage, kubeconfig: Path, namespace: str) -> None:
    backend = find_backend(config_file=str(kubeconfig))
    study = Study(
        SPACE,
        name="asked",
        namespace=namespace,
        backend=backend,
        algorithm="random",
        max_trial_count=5,
        early_stopping="medianstop",
        early_stopping_settings={"min_trials_required": 1, "start_step": 2},
    )
    first, second = study.ask(2)
    for _ in range(3):
        first.report(0.0)
    assert study.tell(first, 0.25) == "Succeeded"
    assert study.tell(second, failed=True, message="no room") == "Failed"
    third = study.ask()
    assert third is not None
    third.report(9.0)
    third.report(9.0)
    wait_for(lambda: third.should_stop, "the operator judges reports")
    assert study.tell(third, 0.0) == "EarlyStopped"

    # The operator is killed, and what was asked for and told goes on with the next one.
    fourth, fifth = study.ask(2)
    stage.operator.kill()
    stage.operator.start()
    study.tell(fourth, 1)
    assert [
        trial.name
        for trial in Study(name="asked", namespace=namespace, backend=backend).outstanding()
    ] == [fifth.name]
    study.tell(fifth, 2)
    # The budget is asked for; that the search is over is the operator's to say.
    assert study.ask() is None
    wait_for(lambda: study.is_finished, "the operator ends the search")
    assert study.reason == "ExperimentMaxTrialsReached"
    assert [trial.value for trial in study.trials] == [0.25, None, 9.0, 1.0, 2.0]
    wait_for(lambda: not stage.experiments.list_jobs(), "no Job was made")


def test_trials_are_imported_into_a_cluster(
    stage: Stage, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("x,loss,status\n0.5,0.25,\n1,1,\n2,,Failed\n")
    backend = find_backend(config_file=str(kubeconfig))
    study = import_trials(
        file,
        name="imported",
        namespace=namespace,
        backend=backend,
        objective_metric_name="loss",
        algorithm="random",
    )
    assert study is not None
    trials = {trial.name: trial.status for trial in study.trials}
    assert [trials[name] for name in sorted(trials)] == ["Succeeded", "Succeeded", "Failed"]
    trial = study.ask()
    assert trial is not None
    assert study.tell(trial, 0.125) == "Succeeded"
    assert study.best is not None
    assert study.best.value == 0.125
