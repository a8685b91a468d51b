from __future__ import annotations

from collections.abc import Mapping

import pytest

from katib.client.analysis.points import points
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError
from katib.testing.builders import an_experiment
from trial_manifests import Metrics, a_table


def loss(point: Mapping[str, str]) -> Metrics:
    return {"loss": 3 * float(point["p07"]) + float(point["p11"])}


def table(
    trials: int, parameters: int = 15, statuses: tuple[str, ...] = ("Succeeded",)
) -> TrialTable:
    builder = an_experiment()
    for number in range(parameters):
        builder.with_parameter(f"p{number:02}", min="0", max="1")
    return a_table(builder.build(), trials, loss, statuses)


def test_all_is_shown_when_it_is_not_much() -> None:
    found = points(table(6, 12, ("Succeeded", "Failed", "Running")))
    assert [axis.name for axis in found.parameters] == [f"p{n:02}" for n in range(12)]
    assert found.rows.tolist() == [0, 3]
    assert (found.of_all, found.of_parameters) == (2, 12)
    assert [len(axis.places) for axis in (found.objective, *found.parameters)] == [2] * 13


def test_of_many_parameters_the_most_important_are_shown_in_the_documents_order() -> None:
    found = points(table(200), most_parameters=2)
    assert [axis.name for axis in found.parameters] == ["p07", "p11"]
    assert found.of_parameters == 15


def test_of_many_trials_some_are_shown() -> None:
    found = points(table(300, 12), most_trials=40)
    assert (len(found.rows), found.of_all) == (40, 300)


def test_parameters_can_be_asked_for() -> None:
    assert [axis.name for axis in points(table(2), ["p03", "p01"]).parameters] == ["p03", "p01"]
    with pytest.raises(UnknownNameError, match='unknown parameter "p99"'):
        points(table(2), ["p99"])
