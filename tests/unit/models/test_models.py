from __future__ import annotations

import importlib.util
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import katib
from katib import models
from katib.models import (
    V1beta1Experiment,
    V1beta1ExperimentCondition,
    V1beta1ExperimentList,
    V1beta1FeasibleSpace,
    V1beta1ObjectiveSpec,
    V1beta1OptimalTrial,
    V1beta1ParameterSpec,
    V1ObjectMeta,
)
from katib.models.model import CLASSES, Model, json_name

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "generate_models.py"


@pytest.fixture(scope="module")
def generator() -> Any:
    found = importlib.util.spec_from_file_location("generate_models", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_models_say_what_the_resources_say(generator: Any) -> None:
    assert generator.find_drift(generator.MODELS) == {}, generator.ADVICE


def test_drift_is_seen(generator: Any, tmp_path: Path) -> None:
    assert set(generator.find_drift(tmp_path)) == {
        Path("experiment.py"),
        Path("suggestion.py"),
        Path("trial.py"),
    }


def test_attributes_are_given_in_their_order_or_by_name() -> None:
    assert V1beta1FeasibleSpace("uniform", ["a"]) == V1beta1FeasibleSpace(
        list=["a"], distribution="uniform"
    )
    assert V1beta1FeasibleSpace().min is None
    taken = V1beta1ObjectiveSpec(type="maximize", local_vars_configuration=object())  # type: ignore[call-arg]  # as generated clients take it
    assert taken == V1beta1ObjectiveSpec(type="maximize")


def test_what_katib_does_not_have_is_given_by_name_only() -> None:
    last = list(inspect.signature(V1beta1ObjectiveSpec).parameters.values())[-1]
    assert (last.name, last.kind) == ("non_finite", inspect.Parameter.KEYWORD_ONLY)
    assert V1beta1ObjectiveSpec(non_finite="fail").non_finite == "fail"


def test_an_attribute_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(TypeError, match=r"__init__\(\) got .*'step_size'; it has .*step"):
        V1beta1FeasibleSpace(step_size="1")  # type: ignore[call-arg]  # that is what is tested


@pytest.mark.parametrize("name", ["status", "type"])
def test_what_is_required_cannot_be_none(name: str) -> None:
    condition = V1beta1ExperimentCondition(status="True", type="Running")
    with pytest.raises(ValueError, match=f"Invalid value for `{name}`, must not be `None`"):
        setattr(condition, name, None)
    with pytest.raises(ValueError, match="`items`"):
        V1beta1ExperimentList()


def test_a_model_can_be_changed_printed_and_compared() -> None:
    experiment = V1beta1Experiment(metadata=V1ObjectMeta(name="one"))
    same = V1beta1Experiment(metadata=V1ObjectMeta(name="one"))
    assert experiment == same
    assert experiment != experiment.to_dict()
    assert same.metadata is not None
    same.metadata.name = "other"
    assert experiment != same
    assert "'name': 'one'" in repr(experiment)
    assert repr(experiment) == experiment.to_str() == str(experiment)
    with pytest.raises(TypeError, match="unhashable"):
        hash(experiment)


def test_a_dictionary_has_models_inside_as_dictionaries() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    parameter = V1beta1ParameterSpec(name="lr", feasible_space=V1beta1FeasibleSpace(min="1"))
    assert parameter.to_dict()["feasible_space"]["min"] == "1"
    listed = V1beta1ExperimentList(items=[V1beta1Experiment(kind="Experiment")])
    assert listed.to_dict()["items"][0]["kind"] == "Experiment"
    labels = V1ObjectMeta(labels={"a": "b"}, creation_timestamp=now).to_dict()
    assert (labels["labels"], labels["creation_timestamp"]) == ({"a": "b"}, now)


def test_each_class_tells_types_and_names() -> None:
    assert V1beta1OptimalTrial.openapi_types == {
        "best_trial_name": "str",
        "observation": "V1beta1Observation",
        "parameter_assignments": "list[V1beta1ParameterAssignment]",
    }
    assert V1beta1OptimalTrial.attribute_map["best_trial_name"] == "bestTrialName"
    assert V1ObjectMeta.openapi_types["labels"] == "dict(str, str)"
    assert models.V1beta1TrialTemplate.openapi_types["trial_spec"] == "object"
    assert json_name("_continue") == "continue"


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_is_public(name: str) -> None:
    found = getattr(katib, name)
    assert issubclass(found, Model)
    assert found is getattr(models, name)
    assert found.__doc__


def test_other_classes_are_those_of_the_kubernetes_client() -> None:
    from kubernetes import client

    assert katib.models.V1PodSpec is client.V1PodSpec
    with pytest.raises(AttributeError, match="V1Nothing"):
        _ = katib.models.V1Nothing
    with pytest.raises(AttributeError, match="nothing"):
        _ = katib.models.nothing


def test_without_that_client_its_classes_are_missed_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "kubernetes.client", None)
    with pytest.raises(AttributeError, match=r"pip install 'katib\[cluster\]'"):
        _ = katib.models.V1PodSpec
    assert katib.models.V1Container(name="main").name == "main"
