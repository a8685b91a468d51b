"""The table of trials without its page."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from katib.api import names
from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from katib.web.filtering import Filter
from katib.web.pages.experiment.trial_rows import (
    PIPELINE_RUN,
    choose_rows,
    columns_of,
    pipeline_run_address,
    pipeline_runs_of,
    row_of,
)
from trial_manifests import Metrics, a_table

STATUSES = ("Succeeded", "Failed", "Running", "Pending")


def a_table_of(count: int) -> TrialTable:
    def observe(point: Mapping[str, str]) -> Metrics:
        return {"loss": float(point["lr"])}

    builder = an_experiment().with_parameter("lr", min="0", max="1")
    builder.with_parameter("optimizer", names.CATEGORICAL, list=["sgd", "adam"])
    return a_table(builder.build(), count, observe, STATUSES)


def test_there_is_a_column_for_all_that_is_known() -> None:
    columns = [one["name"] for one in columns_of(a_table_of(4))]
    assert columns == ["status", "name", "m:loss", "p:lr", "p:optimizer", "started", "time"]


def test_trials_that_are_runs_of_a_pipeline_have_a_column_for_them() -> None:
    trials: list[Manifest] = [
        {"metadata": {"name": "plain"}},
        {"metadata": {"name": "other", "annotations": {"a": "b"}}},
        {"metadata": {"name": "piped", "annotations": {PIPELINE_RUN: "a/b"}}},
    ]
    assert pipeline_runs_of(trials) == {"piped": "a/b"}
    assert pipeline_run_address("a/b") == "/pipeline/#/runs/details/a%2Fb"
    assert pipeline_run_address("") == ""
    last = columns_of(a_table_of(4), has_pipeline_runs=True)[-1]
    assert last["label"] == "Pipeline run"


def test_the_newest_come_first_unless_an_order_is_asked_for() -> None:
    table = a_table_of(12)
    assert choose_rows(table, Filter(), "", False).tolist() == list(range(11, -1, -1))
    ascending = choose_rows(table, Filter(), "m:loss", False).tolist()
    descending = choose_rows(table, Filter(), "m:loss", True).tolist()
    values = table.metrics["loss"].values
    assert [values[row] for row in ascending[:3]] == sorted(values[[0, 4, 8]])
    assert descending[:3] == ascending[2::-1]
    assert set(ascending[3:]) == set(descending[3:]), "those without a value come last both ways"


@pytest.mark.parametrize("by", ["status", "name", "p:lr", "p:optimizer", "started", "time"])
def test_every_column_can_be_sorted_by(by: str) -> None:
    rows = choose_rows(a_table_of(12), Filter(), by, False)
    assert sorted(rows.tolist()) == list(range(12))


def test_a_row_tells_a_trial_and_marks_the_best() -> None:
    table = a_table_of(4)
    rows = [row_of(table, row, lambda name: f"/trial/{name}") for row in range(4)]
    assert [row["status"] for row in rows] == list(STATUSES)
    assert [row["best"] for row in rows] == [True, False, False, False]
    assert rows[0]["address"] == "/trial/an-experiment-00000"
    assert rows[0]["time"] == "2 s"
    assert rows[0]["started"] == "2026-01-01 12:00:00"
    assert (rows[1]["m:loss"], rows[2]["time"], rows[3]["started"]) == ("", "", "")


def test_ten_thousand_trials_are_sorted_and_filtered_quickly() -> None:
    table = a_table_of(10_000)
    begun = time.process_time()
    for by in ("m:loss", "name", "p:optimizer"):
        choose_rows(table, Filter.of("adam lr<0.5"), by, True)
    assert time.process_time() - begun < 3
