from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from katib.api.values import Manifest
from katib.client.exchange.csv_in import Wanted, read_csv
from katib.client.exchange.errors import MOST_PROBLEMS, ImportRefusedError

LOSS: Manifest = {"type": "minimize", "objectiveMetricName": "loss"}
LR: Manifest = {
    "name": "lr",
    "parameterType": "double",
    "feasibleSpace": {"min": "0.01", "max": "1"},
}


def a_file(folder: Path, *lines: str) -> Path:
    file = folder / "trials.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def problems(folder: Path, lines: Sequence[str], wanted: Wanted) -> Sequence[str]:
    with pytest.raises(ImportRefusedError) as refusal:
        read_csv(a_file(folder, *lines), wanted)
    return refusal.value.problems


def test_a_line_is_a_trial_and_a_column_a_parameter(tmp_path: Path) -> None:
    file = a_file(tmp_path, "lr,units,loss", "0.1,16,0.5", "", "0.2,32,0.25")
    archive = read_csv(file, Wanted(LOSS))
    assert [trial.parameters for trial in archive.trials] == [
        {"lr": "0.1", "units": "16"},
        {"lr": "0.2", "units": "32"},
    ]
    assert [trial.reports[0].values for trial in archive.trials] == [
        {"loss": "0.5"},
        {"loss": "0.25"},
    ]
    assert [trial.place for trial in archive.trials] == ["row 2", "row 4"]
    assert [one["parameterType"] for one in archive.parameters] == ["double", "int"]
    assert archive.objective == LOSS


def test_what_was_exported_is_read(tmp_path: Path) -> None:
    head = "trial,status,reason,started,completed,parameters.lr,metrics.loss,metrics.f1"
    file = a_file(
        tmp_path,
        head,
        "a-1,Succeeded,,2026-01-01T00:00:00Z,,0.1,0.5,0.9",
        "a-2,Failed,,,,0.2,,",
        "a-3,EarlyStopped,,,,0.3,0.7,",
        "a-4,Running,,,,0.4,,",
        "a-5,MetricsUnavailable,,,,0.5,,",
    )
    archive = read_csv(file, Wanted(LOSS))
    assert [trial.state for trial in archive.trials] == ["Complete", "Failed", "Stopped", "Failed"]
    assert [len(trial.reports) for trial in archive.trials] == [1, 0, 1, 0]
    assert archive.objective["additionalMetricNames"] == ["f1"]
    assert archive.notes == ["1 trials had not ended and are left out"]
    assert [one["name"] for one in archive.parameters] == ["lr"]


def test_a_document_says_what_the_columns_are(tmp_path: Path) -> None:
    file = a_file(tmp_path, "lr,seed,acc,loss", "1,7,0.9,0.5")
    archive = read_csv(file, Wanted({**LOSS, "additionalMetricNames": ["acc"]}, [LR]))
    (trial,) = archive.trials
    assert trial.parameters == {"lr": "1.0"}
    assert trial.reports[0].values == {"acc": "0.9", "loss": "0.5"}


def test_a_table_of_optuna_is_read(tmp_path: Path) -> None:
    file = a_file(tmp_path, "params_lr,value,state", "0.1,0.5,COMPLETE", "0.2,0.6,PRUNED")
    wanted = Wanted({"type": "minimize", "objectiveMetricName": "value"})
    archive = read_csv(file, wanted)
    assert [trial.state for trial in archive.trials] == ["Complete", "Stopped"]
    assert [trial.parameters["lr"] for trial in archive.trials] == ["0.1", "0.2"]


def test_every_mistake_is_told_with_row_and_column(tmp_path: Path) -> None:
    lines = ["lr,loss,status", "0.1,,", "0.2,much,Succeeded", "0.3", ",0.4,", "0.5,0.5,perhaps"]
    assert problems(tmp_path, lines, Wanted(LOSS)) == (
        "row 2, column 'loss': found nothing; a number, or a status that is not Succeeded is "
        "expected",
        "row 3, column 'loss': found 'much'; a number is expected",
        "row 4 has 1 fields; 3 are expected",
        "row 5, column 'lr': found nothing; a value is expected",
        "row 6, column 'status': found 'perhaps'; one of Succeeded, EarlyStopped, Failed is "
        "expected",
    )


@pytest.mark.parametrize(
    ("header", "wanted", "problem"),
    [
        ("lr,acc", Wanted(LOSS), "it has no column 'loss' of the objective; it has lr, acc"),
        ("loss", Wanted(LOSS), "it has no column of a parameter"),
        ("units,loss", Wanted(LOSS, [LR]), "it has no column 'lr' of the parameter"),
        ("lr,lr,loss", Wanted(LOSS), "column 'lr' is there twice"),
    ],
)
def test_columns_that_are_missing_are_told(
    tmp_path: Path, header: str, wanted: Wanted, problem: str
) -> None:
    assert problem in problems(tmp_path, [header, "1,2,3"], wanted)


def test_a_file_without_trials_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, ["lr,loss"], Wanted(LOSS)) == (
        "there is no trial in it that has ended",
    )
    assert problems(tmp_path, [""], Wanted(LOSS))[0].startswith("it has no column 'loss'")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match=r"gone.csv: cannot be read: .*No such file"):
        read_csv(tmp_path / "gone.csv", Wanted(LOSS))


def test_not_more_is_told_than_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError) as refusal:
        read_csv(a_file(tmp_path, "lr,loss", *["0.1,x"] * 25), Wanted(LOSS))
    assert str(refusal.value).count("row ") == MOST_PROBLEMS
    assert str(refusal.value).endswith("; and 5 more")
