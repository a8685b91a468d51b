from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from katib.api.codec import to_manifest
from katib.client.exchange.calls import export
from katib.client.exchange.errors import ExportError
from katib.client.exchange.libraries import EXTRAS, load_library
from katib.client.exchange.results import Report, Results, read_time
from katib.errors import MissingExtraError
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, a_trial


def read_reports(trial: str) -> Sequence[Report]:
    return (Report(BEGINNING, "loss", "0.50"), Report(None, "loss", "nan"))


def results() -> Results:
    experiment = (
        an_experiment()
        .with_parameter("lr", min="0.01", max="1")
        .with_parameter("n", "int", min="1", max="9")
        .with_parameter("kind", "categorical", list=["a,b", "c"])
        .build()
    )
    trials = [
        a_trial(0, {"lr": "0.1", "n": "3", "kind": "a,b"}, {"loss": ("0.25", "0.5", "0.5")}),
        a_trial(1, {"lr": "0.2", "n": "4", "kind": "c"}, None, "Failed"),
        a_trial(2, {"lr": "0.3", "n": "5"}, None, "Running"),
    ]
    return Results(to_manifest(experiment), trials, read_reports)


def test_csv_has_a_line_for_each_trial_and_a_column_for_each_name() -> None:
    rows = list(csv.DictReader(export(results(), "csv").splitlines()))
    assert list(rows[0]) == [
        "trial",
        "status",
        "reason",
        "started",
        "completed",
        "parameters.lr",
        "parameters.n",
        "parameters.kind",
        "metrics.loss",
    ]
    assert rows[0] == {
        "trial": "an-experiment-00000",
        "status": "Succeeded",
        "reason": "TrialSucceeded",
        "started": "2026-01-01T12:00:00Z",
        "completed": "2026-01-01T12:00:02Z",
        "parameters.lr": "0.1",
        "parameters.n": "3",
        "parameters.kind": "a,b",
        "metrics.loss": "0.25",
    }
    assert rows[1]["status"] == "Failed"
    assert (rows[2]["metrics.loss"], rows[2]["parameters.kind"], rows[2]["completed"]) == ("",) * 3


def test_json_has_all_that_is_known() -> None:
    found = json.loads(export(results(), "json"))
    assert found["experiment"] == "an-experiment"
    assert found["objective"]["objectiveMetricName"] == "loss"
    assert [one["name"] for one in found["parameters"]] == ["lr", "n", "kind"]
    assert len(found["trials"]) == 3
    first = found["trials"][0]
    assert first["parameters"] == {"lr": 0.1, "n": 3, "kind": "a,b"}
    assert first["metrics"] == {"loss": {"min": "0.25", "max": "0.5", "latest": "0.5"}}
    assert first["reports"] == [
        {"time": "2026-01-01T12:00:00Z", "metric": "loss", "value": "0.50"},
        {"time": None, "metric": "loss", "value": "nan"},
    ]


def test_a_file_has_what_is_printed_without_one(tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    assert export(results(), "csv", file) == ""
    assert file.read_text() == export(results(), "csv")


@pytest.mark.parametrize("format", ["parquet", "optuna"])
def test_what_is_no_text_needs_a_file(format: str) -> None:
    with pytest.raises(ExportError, match=f"{format} is no text: name a file for it"):
        export(results(), format)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ExportError, match="found 'xls'; one of csv, json, parquet, optuna"):
        export(results(), "xls")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="No such file or directory"):
        export(results(), "json", tmp_path / "gone" / "trials.json")


def test_a_library_that_is_missing_says_how_it_comes_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(EXTRAS, "katib_has_no_such_library", ("Files", "parquet"))
    with pytest.raises(MissingExtraError, match=r"pip install 'katib\[parquet\]'"):
        load_library("katib_has_no_such_library")
    with pytest.raises(ImportError):
        load_library("katib_has_no_such_library", "katib_has_no_such_library.part")
    assert load_library("json", "json.decoder").__name__ == "json.decoder"


def test_the_times_of_reports_are_read() -> None:
    assert read_time("2026-01-01T12:00:00Z") == BEGINNING
    assert read_time("") is None
    assert read_time("0001-01-01T00:00:00Z") is None
