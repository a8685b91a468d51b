"""Places know where they are, write there, and leave the rest alone."""

from __future__ import annotations

from typing import Any

from katib.web.pages.create.places import At, Named
from katib.web.pages.create.sections.algorithm import is_nas
from katib.web.pages.create.sections.collector import Kind
from katib.web.pages.create.sections.objective import Type as Aim
from katib.web.pages.create.sections.objective import metric_names
from katib.web.pages.create.sections.parameters import Type, count_combinations
from katib.web.pages.create.sections.settings import AlgorithmName, Others

WAY = ("spec", "algorithm", "algorithmSettings")


def settings(*pairs: tuple[str, object]) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in pairs]
    return {"spec": {"algorithm": {"algorithmName": "tpe", "algorithmSettings": listed}}}


def test_a_field_is_named_as_admission_names_it() -> None:
    assert At(("spec", "parameters", 1, "name")).path({}) == "spec.parameters[1].name"


def test_an_entry_is_found_by_its_name() -> None:
    document = settings(("a", "1"), ("b", "2"), ("a", "3"))
    place = Named(WAY, "a")
    assert place.read(document) == "3"
    assert place.path(document) == "spec.algorithm.algorithmSettings[2].value"
    assert place.write(document, "4") == settings(("a", "1"), ("b", "2"), ("a", "4"))


def test_an_entry_comes_and_goes() -> None:
    document, place = settings(("a", "1")), Named(WAY, "b")
    assert place.read(document) is None
    assert place.path(document) == "spec.algorithm.algorithmSettings[1].value"
    assert place.write(document, None) == document
    added = place.write(document, "2")
    assert added == settings(("a", "1"), ("b", "2"))
    assert place.write(added, None) == document
    assert Named(WAY, "a").write(document, None) == {
        "spec": {"algorithm": {"algorithmName": "tpe"}}
    }


def test_an_entry_that_is_kept_stays_with_its_name() -> None:
    place = Named(("list",), "a", "reference", is_kept=True)
    assert place.write({"list": [{"name": "a", "reference": "x"}]}, None) == {
        "list": [{"name": "a"}]
    }


def test_other_settings_are_those_without_a_field() -> None:
    document = settings(("a", "1"), ("odd", "2"))
    place = Others("algorithm", {"a"})
    assert place.read(document) == {"odd": "2"}
    assert place.write(document, {"new": "3"}) == settings(("a", "1"), ("new", "3"))
    assert place.write(document, None) == settings(("a", "1"))


def test_another_algorithm_has_other_settings_and_the_first_gets_its_own_back() -> None:
    document, place = settings(("a", "1")), AlgorithmName("algorithm")
    other = place.write(document, "random")
    assert other == {"spec": {"algorithm": {"algorithmName": "random"}}}
    assert place.write(other, "tpe") == document


def test_strategies_turn_with_the_type() -> None:
    strategies = [{"name": "a", "value": "min"}, {"name": "b", "value": "latest"}]
    document = {"spec": {"objective": {"type": "minimize", "metricStrategies": strategies}}}
    turned = Aim(("spec", "objective", "type")).write(document, "maximize")
    assert turned["spec"]["objective"] == {
        "type": "maximize",
        "metricStrategies": [{"name": "a", "value": "max"}, {"name": "b", "value": "latest"}],
    }


def test_metrics_are_those_of_the_objective_and_of_strategies() -> None:
    objective = {
        "objectiveMetricName": "loss",
        "additionalMetricNames": ["accuracy", "loss"],
        "metricStrategies": [{"name": "old", "value": "min"}, "wrong"],
    }
    assert metric_names({"spec": {"objective": objective}}) == ["loss", "accuracy", "old"]


def test_a_range_and_a_list_are_kept_aside_for_each_other() -> None:
    space = {"min": "1", "max": "2"}
    document = {"p": [{"name": "x", "parameterType": "int", "feasibleSpace": space}]}
    place = Type(("p", 0))
    assert place.write(document, "double")["p"][0]["feasibleSpace"] == space
    words = place.write(document, "categorical")
    assert words == {"p": [{"name": "x", "parameterType": "categorical"}]}
    words["p"][0]["feasibleSpace"] = {"list": ["a"]}
    again = place.write(words, "int")
    assert again == document
    assert place.write(again, "discrete")["p"][0]["feasibleSpace"] == {"list": ["a"]}


def test_each_kind_of_collector_has_its_own_source() -> None:
    document: dict[str, Any] = {"spec": {"metricsCollectorSpec": {"collector": {"kind": "StdOut"}}}}
    place = Kind()
    file = place.write(document, "File")
    assert file["spec"]["metricsCollectorSpec"]["source"]["fileSystemPath"]["format"] == "TEXT"
    served = place.write(file, "PrometheusMetric")
    assert list(served["spec"]["metricsCollectorSpec"]["source"]) == ["httpGet"]
    assert place.write(served, "File") == file
    assert place.write(file, None) == {}


def test_combinations_are_counted_when_all_ranges_have_steps() -> None:
    steps = {"parameterType": "double", "feasibleSpace": {"min": "0", "max": "0.3", "step": "0.1"}}
    words = {"parameterType": "categorical", "feasibleSpace": {"list": ["a", "b"]}}
    assert count_combinations([steps, words]) == 8
    for wrong in (
        {"parameterType": "double", "feasibleSpace": {"min": "0", "max": "1"}},
        {"parameterType": "int", "feasibleSpace": {"min": "x", "max": "1", "step": "1"}},
        {"parameterType": "int", "feasibleSpace": {"min": "0", "max": "1", "step": "0"}},
        {"parameterType": "int", "feasibleSpace": {"min": "0", "max": "inf", "step": "1"}},
        {"parameterType": "int", "feasibleSpace": "no map"},
        "no map",
    ):
        assert count_combinations([words, wrong]) is None
    assert count_combinations([]) is None


def test_an_architecture_is_searched_where_one_is_described() -> None:
    assert is_nas({"spec": {"nasConfig": {}}})
    assert not is_nas({"spec": {"parameters": []}})
