from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import katib
from katib.admission import admit
from katib.api.values import Manifest
from katib.apps.door import admission_context
from katib.client.study.documents import (
    StudySpec,
    choices_of,
    complete,
    document_of,
    find_difference,
    name_of,
    word_parameter,
    word_spec,
)
from katib.client.study.errors import StudyRefusedError

SPACE = {"x": katib.search.double(0.1, 10, distribution="logUniform"), "n": katib.search.int(1, 9)}


def a_document(spec: StudySpec | None = None) -> Manifest:
    said = word_spec(SPACE, spec or {})
    return document_of(SPACE, complete(said, is_document=False), "s", "default")


def test_what_is_made_is_a_legal_experiment_that_waits_to_be_asked() -> None:
    everything: StudySpec = {
        "algorithm": "bayesianoptimization",
        "algorithm_settings": {"n_initial_points": 4},
        "objective_metric_name": "acc",
        "additional_metric_names": ["f1"],
        "objective_type": "maximize",
        "objective_goal": 0.9,
        "max_trial_count": 20,
        "parallel_trial_count": 4,
        "max_failed_trial_count": 3,
        "early_stopping": "medianstop",
        "early_stopping_settings": {"start_step": 2},
    }
    for document in (a_document(), a_document(everything)):
        experiment = admit(document, admission_context(lambda kind, key: None))
        assert experiment.metadata.annotation("katib.kubeflow.org/asked") == "0"
    spec = a_document(everything)["spec"]
    assert spec["objective"]["goal"] == 0.9
    assert spec["algorithm"]["algorithmSettings"] == [{"name": "n_initial_points", "value": "4"}]
    assert spec["earlyStopping"]["algorithmName"] == "medianstop"
    assert (spec["parallelTrialCount"], spec["maxFailedTrialCount"]) == (4, 3)


def test_what_is_not_said_is_a_studys_default() -> None:
    spec = a_document()["spec"]
    assert spec["algorithm"] == {"algorithmName": "tpe"}
    assert spec["objective"]["type"] == "minimize"
    assert spec["objective"]["metricStrategies"] == [{"name": "objective", "value": "latest"}]
    assert spec["parallelTrialCount"] == 1000
    assert a_document({"max_trial_count": 7})["spec"]["parallelTrialCount"] == 7
    assert spec["resumePolicy"] == "LongRunning"


def test_parameters_may_have_any_names(tmp_path: Path) -> None:
    space = {"a b/ü${x}": katib.search.double(0, 1), "p0": katib.search.categorical(['"', "y"])}
    said = word_spec(space, {})
    document = document_of(space, complete(said, is_document=False), "s", "default")
    admit(document, admission_context(lambda kind, key: None))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (
            {"parameterType": "double", "feasibleSpace": {"min": 1, "max": 2}},
            {"min": "1", "max": "2"},
        ),
        (
            {"parameterType": "categorical", "feasibleSpace": {"list": [1, None]}},
            {"list": ["1", "None"]},
        ),
        (katib.search.double(1, 2, step=0.5), {"min": "1", "max": "2", "step": "0.5"}),
    ],
)
def test_parameters_are_worded_as_documents_have_them(given: Any, found: Manifest) -> None:
    assert word_parameter("p", given)["feasibleSpace"] == found


def test_lists_of_other_things_than_texts_are_remembered() -> None:
    space = {
        "flag": {"parameterType": "categorical", "feasibleSpace": {"list": [True, "True", 3]}},
        "text": {"parameterType": "categorical", "feasibleSpace": {"list": ["a"]}},
    }
    assert choices_of(space) == {"flag": {"True": True, "3": 3}}
    assert choices_of({"kind": "Experiment"}) == {}


# what → ours, stored; the difference
DIFFERENCES: dict[str, tuple[Any, Any, str]] = {
    "The same": ({"a": [1, {"b": "2"}]}, {"a": [1, {"b": "2"}]}, ""),
    "A default that is not said": ({"a": 1}, {"a": 1, "b": 2}, ""),
    "Another value": ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "spec.a[0].b is 2 there and 1 here"),
    "One that is not there": ({"a": 1}, {}, "spec.a is not set there and 1 here"),
    "A longer list": ({"a": [1, 2]}, {"a": [1]}, "spec.a is [1] there and [1, 2] here"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_the_first_difference_is_named(case: str) -> None:
    ours, stored, difference = DIFFERENCES[case]
    assert find_difference(ours, stored) == difference


def test_a_file_may_hold_other_documents_beside_the_experiment(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("kind: ConfigMap\n---\nkind: Experiment\nmetadata: {name: seen}\nspec: {}\n")
    assert name_of(file) == "seen"
    assert word_spec(str(file), {}) == {}
    with pytest.raises(StudyRefusedError, match="algorithm: an Experiment says this itself"):
        word_spec(file, {"algorithm": "random"})
    file.write_text("kind: ConfigMap\n")
    with pytest.raises(StudyRefusedError, match="found 0 Experiments; one is expected"):
        word_spec(file, {})
    with pytest.raises(StudyRefusedError, match="No such file"):
        word_spec(tmp_path / "gone.yaml", {})
