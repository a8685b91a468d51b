from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from katib.client.routes import UnreportableError
from katib.client.study.telling import read_parameters, word_report

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_number_is_the_objectives_value() -> None:
    assert json.loads(word_report(0.5, "loss", NOW)) == {
        "timestamp": "2026-01-01T12:00:00Z",
        "loss": "0.5",
    }


def test_several_metrics_are_told_by_name() -> None:
    told = json.loads(word_report({"loss": 1, "f1": "0.50"}, "loss", NOW, "2026-01-02T00:00:00Z"))
    assert told == {"timestamp": "2026-01-02T00:00:00Z", "loss": "1", "f1": "0.50"}


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(
        UnreportableError, match="None for metrics value loss: a number is expected"
    ):
        word_report({"loss": None}, "loss", NOW)


def test_parameters_have_the_types_of_their_search_space() -> None:
    def one(name: str, type: str, **space: object) -> dict[str, object]:
        return {"name": name, "parameterType": type, "feasibleSpace": space}

    parameters = [
        one("double", "double"),
        one("int", "int"),
        one("discrete", "discrete", list=["1", "2.5"]),
        one("texts", "discrete", list=["1", "x"]),
        one("choice", "categorical", list=["1", "True"]),
    ]
    given = {"double": "1", "int": "4", "discrete": "2.5", "texts": "1", "choice": "True"}
    trial = {
        "spec": {
            "parameterAssignments": [
                {"name": name, "value": text} for name, text in [*given.items(), ("arc", "1")]
            ]
        }
    }
    found = read_parameters({"spec": {"parameters": parameters}}, trial, {"choice": {"True": True}})
    assert found == {
        "double": 1.0,
        "int": 4,
        "discrete": 2.5,
        "texts": "1",
        "choice": True,
        "arc": "1",
    }
    assert isinstance(found["double"], float)
