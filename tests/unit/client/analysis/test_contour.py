from __future__ import annotations

import numpy as np

from katib.client.analysis.contour import contour
from katib.testing.builders import an_experiment
from trial_manifests import a_table

EXPERIMENT = (
    an_experiment()
    .with_parameter("x", min="0", max="10")
    .with_parameter("lr", min="0.0001", max="1", distribution="logUniform")
    .with_parameter("word", "categorical", list=["a", "b", "c"])
    .build()
)


def test_the_surface_follows_the_function() -> None:
    table = a_table(EXPERIMENT, 2000, lambda p: {"loss": float(p["x"])})
    found = contour(table, "x", "lr")
    assert found.values.shape == (len(found.lines), len(found.columns)) == (41, 41)
    np.testing.assert_allclose(found.lines[[0, 10, -1]], [1e-4, 1e-3, 1])
    inside = found.values[4:-4, 8:-8]
    np.testing.assert_allclose(inside, np.broadcast_to(found.columns[8:-8], inside.shape), atol=0.4)
    assert len(found.rows) == 1000


def test_a_word_knows_nothing_of_others() -> None:
    values = {"a": 1.0, "b": 5.0, "c": 3.0}
    found = contour(a_table(EXPERIMENT, 300, lambda p: {"loss": values[p["word"]]}), "x", "word")
    assert found.lines.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.values, np.repeat([[1.0], [5.0], [3.0]], 41, axis=1))


def test_nothing_is_said_where_no_trial_is_near() -> None:
    table = a_table(EXPERIMENT, 1, lambda p: {"loss": 2})
    found = contour(table, "x", "lr")
    np.testing.assert_allclose(found.values[np.isfinite(found.values)], 2)
    nearest = np.abs(found.columns - table.parameters["x"].numbers[0]).argmin()
    assert np.isfinite(found.values[:, nearest]).any()
    assert np.isnan(found.values).any()


def test_trials_without_a_value_are_passed_over() -> None:
    found = contour(a_table(EXPERIMENT, 5, lambda p: {"loss": 2}, ["Failed"]), "x", "word")
    assert np.isnan(found.values).all()
    assert len(found.rows) == 0
