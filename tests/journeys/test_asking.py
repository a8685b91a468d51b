"""What a study answers to those who ask and tell, over the API of a real engine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import katib
from katib.client.backend import Backend, RefusedError
from katib.client.finding import find_backend
from katib.client.routes import UnreportableError
from katib.client.study import Study
from katib.client.study.desk import Desk
from katib.client.study.errors import AskTimeoutError, StudyRefusedError, TellError

pytestmark = pytest.mark.journey

SPACE = {"x": katib.search.double(-5, 5), "n": katib.search.int(1, 9)}


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    opened = find_backend(home=tmp_path_factory.mktemp("study") / "home")
    yield opened
    opened.close()


def test_a_search_learns_what_it_is_told(backend: Backend) -> None:
    study = Study(SPACE, name="learns", backend=backend, max_trial_count=6)
    values = []
    while (trial := study.ask()) is not None:
        assert isinstance(trial.parameters["x"], float)
        assert isinstance(trial.parameters["n"], int)
        values.append(trial.parameters["x"] ** 2)
        assert study.tell(trial, values[-1]) == "Succeeded"
    assert [trial.value for trial in study.trials] == values
    assert study.best is not None
    assert study.best.value == min(values)
    assert study.reason == "ExperimentMaxTrialsReached"


def test_several_are_asked_for_at_once_as_far_as_the_budget_goes(backend: Backend) -> None:
    study = Study(SPACE, name="several", backend=backend, algorithm="sobol", max_trial_count=5)
    first, second = study.ask(3), study.ask(9)
    assert [len(first), len(second)] == [3, 2]
    assert (study.ask(), study.ask(2)) == (None, [])
    assert not study.is_finished
    asked = {trial.name for trial in first + second}
    assert len(asked) == 5
    assert {trial.name for trial in study.outstanding()} == asked


def test_a_goal_ends_the_search(backend: Backend) -> None:
    study = Study(SPACE, name="goal", backend=backend, algorithm="random", objective_goal=0.5)
    trial = study.ask()
    assert trial is not None
    study.tell(trial, 0.25)
    assert study.ask() is None
    assert study.reason == "ExperimentGoalReached"


def test_a_search_space_that_is_exhausted_ends_the_search(backend: Backend) -> None:
    space = {"n": katib.search.int(1, 2)}
    study = Study(space, name="exhausted", backend=backend, algorithm="grid")
    assert len(study.ask(2)) == 2
    # Nobody has told yet, and there is no third.
    assert study.ask() is None
    for trial in study.outstanding():
        study.tell(trial, 1)
    assert study.ask() is None
    assert study.reason == "ExperimentSuggestionEndReached"


def test_choices_are_given_as_they_were_said(backend: Backend) -> None:
    space = {
        "flag": {"parameterType": "categorical", "feasibleSpace": {"list": [True]}},
        "none": {"parameterType": "categorical", "feasibleSpace": {"list": [None]}},
    }
    study = Study(space, name="choices", backend=backend, algorithm="random")
    trial = study.ask()
    assert trial is not None
    assert trial.parameters == {"flag": True, "none": None}
    assert study.trials[0].parameters == {"flag": True, "none": None}


def test_an_experiment_document_may_say_it_all(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(
        """
        apiVersion: kubeflow.org/v1beta1
        kind: Experiment
        metadata: {name: document, labels: {team: seen}}
        spec:
          objective: {type: maximize, objectiveMetricName: score}
          algorithm: {algorithmName: random}
          parameters:
          - {name: x, parameterType: double, feasibleSpace: {min: "0", max: "1"}}
        """
    )
    study = Study(file, backend=backend)
    trial = study.ask()
    assert trial is not None
    trial.report({"score": 0.9})
    study.tell(trial, 0.7)
    assert study.name == "document"
    assert study.experiment["metadata"]["labels"] == {"team": "seen"}
    # A document means what it would mean elsewhere: of a metric to maximise, the largest counts.
    assert study.trials[0].value == 0.9


def test_what_is_told_last_counts_where_no_document_says_otherwise(backend: Backend) -> None:
    study = Study(SPACE, name="last", backend=backend, algorithm="random")
    trial = study.ask()
    assert trial is not None
    trial.report(0.1)
    study.tell(trial, 0.5)
    assert study.trials[0].value == 0.5


def test_a_trial_ends_as_it_is_told(backend: Backend) -> None:
    study = Study(
        SPACE, name="ends", backend=backend, algorithm="random", additional_metric_names=["f1"]
    )
    one, two, three, four = study.ask(4)
    assert study.tell(one, {"objective": 1, "f1": "0.5"}) == "Succeeded"
    assert study.tell(two.name, failed=True, message="out of memory") == "Failed"
    three.report(3)
    assert study.tell(three, stopped=True) == "EarlyStopped"
    assert study.tell(four, math.nan) == "Succeeded"
    assert [trial.status for trial in study.trials] == [
        "Succeeded",
        "Failed",
        "EarlyStopped",
        "Succeeded",
    ]
    assert study.trials[0].metrics == {"objective": 1.0, "f1": 0.5}
    assert study.trials[2].value == 3.0
    assert study.best is not None
    assert study.best.name == one.name
    failed = Desk(backend, "default", "ends").find_trial(two.name)
    assert failed is not None
    assert "out of memory" in failed["status"]["conditions"][-1]["message"]


def test_what_cannot_be_told_is_refused(backend: Backend) -> None:
    study = Study(SPACE, name="refused", backend=backend, algorithm="random")
    trial = study.ask()
    assert trial is not None
    with pytest.raises(TellError, match="tell the value of objective, or that it failed"):
        study.tell(trial)
    with pytest.raises(
        UnreportableError, match="much for metrics value objective: a number is expected"
    ):
        study.tell(trial, "much")
    with pytest.raises(TellError, match='experiment "refused" has no trial nobody-knows'):
        study.tell("nobody-knows", 1)
    assert study.tell(trial, 1) == "Succeeded"
    with pytest.raises(TellError, match="has ended already: it is Succeeded"):
        study.tell(trial.name, 2)
    with pytest.raises(TellError, match="has ended already"):
        trial.report(3)
    assert [one.value for one in study.trials] == [1.0]


def test_a_program_that_is_gone_leaves_what_can_be_given_up(backend: Backend) -> None:
    study = Study(SPACE, name="gone", backend=backend, algorithm="random", max_trial_count=1)
    study.ask()
    again = Study(name="gone", backend=backend)
    (trial,) = again.outstanding()
    assert again.give_up(trial) == "Failed"
    assert again.is_finished


def test_a_study_of_another_kind_is_not_gone_on_with(backend: Backend) -> None:
    Study(SPACE, name="differs", backend=backend, max_trial_count=3)
    Study(SPACE, name="differs", backend=backend)
    Study(name="differs", backend=backend)
    other = {**SPACE, "n": katib.search.int(1, 8)}
    with pytest.raises(StudyRefusedError) as refusal:
        Study(other, name="differs", backend=backend)
    assert "spec.parameters[1].feasibleSpace.max is '9' there and '8' here" in str(refusal.value)
    with pytest.raises(StudyRefusedError, match="maxTrialCount is 3 there and 4 here"):
        Study(SPACE, name="differs", backend=backend, max_trial_count=4)
    with pytest.raises(StudyRefusedError, match="algorithmName is 'tpe' there and 'random' here"):
        Study(SPACE, name="differs", backend=backend, algorithm="random")


def test_what_no_study_can_be_made_of_is_refused(backend: Backend) -> None:
    with pytest.raises(StudyRefusedError, match="parameters are missing"):
        Study(backend=backend)
    with pytest.raises(StudyRefusedError, match='there is no experiment "unknown"'):
        Study(name="unknown", backend=backend)
    with pytest.raises(StudyRefusedError, match="parameter x: found 5; one of katib"):
        Study({"x": 5}, name="five", backend=backend)
    with pytest.raises(RefusedError, match="algorithm"):
        Study(SPACE, name="unsearchable", backend=backend, algorithm="nobody-knows-it")
    document = {"kind": "Experiment", "spec": {"trialTemplate": {"trialSpec": {"kind": "Job"}}}}
    with pytest.raises(StudyRefusedError, match="trialTemplate: whoever asks"):
        Study(document, name="job", backend=backend)


def test_who_waits_in_vain_is_told_for_what_and_loses_nothing(backend: Backend) -> None:
    study = Study(SPACE, name="waits", backend=backend, algorithm="random", parallel_trial_count=1)
    first = study.ask()
    assert first is not None
    with pytest.raises(AskTimeoutError, match="1 trials are outstanding, as many as spec"):
        study.ask(timeout=0.3)
    study.tell(first, 1)
    second = study.ask()
    assert second is not None
    study.tell(second, 2)
    # What was asked for in vain was given.
    assert study.experiment["metadata"]["annotations"]["katib.kubeflow.org/asked"] == "2"


def test_early_stopping_rules_judge_reports(backend: Backend) -> None:
    study = Study(
        SPACE,
        name="stopping",
        backend=backend,
        algorithm="random",
        early_stopping="medianstop",
        early_stopping_settings={"min_trials_required": 1, "start_step": 2},
    )
    good = study.ask()
    assert good is not None
    for _ in range(3):
        good.report(0.0)
    assert not good.should_stop
    study.tell(good)
    bad = study.ask()
    assert bad is not None
    bad.report(9.0)
    bad.report(9.0)
    deadline = time.monotonic() + 30
    while not bad.should_stop:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # What comes later does not count, and is no mistake.
    bad.report(0.0)
    assert study.tell(bad, 0.0) == "EarlyStopped"
    assert [trial.value for trial in study.trials] == [0.0, 9.0]


def test_the_budget_can_be_raised(backend: Backend) -> None:
    study = Study(SPACE, name="raised", backend=backend, algorithm="random", max_trial_count=1)
    for trial in study.ask(1):
        study.tell(trial, 1)
    assert study.ask() is None
    path = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments/raised"
    change = {"spec": {"maxTrialCount": 2}}
    backend.ask("PATCH", path, change, "application/merge-patch+json")
    deadline = time.monotonic() + 30
    while study.is_finished:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert study.ask() is not None


def test_kubectl_tells_of_a_trial_too(backend: Backend) -> None:
    study = Study(SPACE, name="by-hand", backend=backend, algorithm="random")
    trial = study.ask()
    assert trial is not None
    data = {"report-0": "objective=0.5", "state": "Complete"}
    path = f"/api/v1/namespaces/default/configmaps/{trial.name}"
    backend.ask("PATCH", path, {"data": data}, "application/merge-patch+json")
    deadline = time.monotonic() + 30
    while study.outstanding():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [one.value for one in study.trials] == [0.5]
