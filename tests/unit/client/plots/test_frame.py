from __future__ import annotations

import sys

import numpy as np
import pandas
import pytest

from katib.api.codec import to_manifest
from katib.client.plots import to_dataframe
from katib.client.trial_table import TrialTable
from katib.errors import MissingExtraError
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, a_trial

EXPERIMENT = to_manifest(
    an_experiment()
    .with_objective("loss", additional=["lr", "status"])
    .with_parameter("lr", min="0", max="1")
    .with_parameter("layers", "int", min="1", max="8")
    .with_parameter("optimizer", "categorical", list=["1", "2"])
    .build()
)
POINT = {"lr": "0.5", "layers": "3", "optimizer": "1"}


def test_a_frame_has_a_row_for_each_trial() -> None:
    trials = [
        a_trial(1, {**POINT, "layers": "4"}, status="Pending"),
        a_trial(0, POINT, {"loss": "0.25", "lr": "7"}),
    ]
    frame = to_dataframe(TrialTable.of(EXPERIMENT, trials))
    assert list(frame.columns) == [
        *("trial", "status", "started", "completed"),
        *("loss", "lr", "metric.status", "parameter.lr", "layers", "optimizer"),
    ]
    assert frame["status"].tolist() == ["Succeeded", "Pending"]
    assert frame["started"][0] == BEGINNING
    assert frame["started"].isna().tolist() == [False, True]
    assert str(frame["completed"].dtype) == "datetime64[us, UTC]"
    np.testing.assert_equal(frame["loss"].to_numpy(), [0.25, np.nan])
    assert (frame["lr"][0], frame["parameter.lr"][0]) == (7, 0.5)
    assert frame["layers"].dtype == np.int64
    assert frame["optimizer"].tolist() == ["1", "1"]


def test_a_frame_of_no_trials_has_its_columns() -> None:
    frame = to_dataframe(TrialTable.of(EXPERIMENT, []))
    assert len(frame) == 0
    assert "layers" in frame.columns


def test_pandas_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    expected = "data frames need pandas, which is not installed: pip install 'katib[plots]'"
    with pytest.raises(MissingExtraError, match=expected.replace("[", r"\[")):
        to_dataframe(TrialTable.of(EXPERIMENT, []))


def test_plotly_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("katib.client.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ImportError, match=r"plots need plotly.*pip install 'katib\[plots\]'"):
        import katib.client.plots  # noqa: F401
    assert pandas.__version__
