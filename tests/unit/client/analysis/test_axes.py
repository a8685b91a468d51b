from __future__ import annotations

import numpy as np
import pytest

from katib.api.codec import to_manifest
from katib.client.analysis.axes import Axis, Scale, axis_of, is_wide, metric_axis
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from trial_manifests import a_trial


def table(*points: dict[str, str]) -> TrialTable:
    experiment = (
        an_experiment()
        .with_parameter("x", min="-1", max="3")
        .with_parameter("lr", min="0.001", max="1", distribution="logUniform")
        .with_parameter("size", "discrete", list=["16", "8", "128"])
        .with_parameter("optimizer", "categorical", list=["sgd", "adam"])
        .with_parameter("one", min="2", max="2")
        .build()
    )
    point = {"x": "1", "lr": "0.1", "size": "16", "optimizer": "adam", "one": "2"}
    trials = [a_trial(n, {**point, **changed}) for n, changed in enumerate(points)]
    return TrialTable.of(to_manifest(experiment), trials)


def axis(name: str, *values: str) -> Axis:
    return axis_of(table(*({name: value} for value in values)).parameters[name])


def test_numbers_lie_between_the_ends_of_their_range() -> None:
    found = axis("x", "0", "3")
    assert (found.scale, found.bounds, found.words) == (Scale.LINEAR, (-1, 3), ())
    np.testing.assert_allclose(found.units, [0.25, 1])


def test_the_ends_move_out_for_a_value_beyond_them() -> None:
    assert axis("x", "-2", "9").bounds == (-2, 9)


def test_logarithms_lie_evenly() -> None:
    found = axis("lr", "0.001", "0.1")
    assert found.scale is Scale.LOG
    np.testing.assert_allclose(found.scaled, [-3, -1])
    np.testing.assert_allclose(found.units, [0, 2 / 3])


def test_there_are_no_logarithms_of_what_is_not_above_zero() -> None:
    assert axis("lr", "0.1", "0").scale is Scale.LINEAR


def test_discrete_numbers_are_words_in_their_order() -> None:
    found = axis("size", "128", "8")
    assert (found.scale, found.words) == (Scale.WORDS, ("8", "16", "128"))
    assert found.is_ordered
    np.testing.assert_allclose(found.units, [5 / 6, 1 / 6])


def test_words_keep_their_order_and_unknown_ones_follow() -> None:
    found = axis("optimizer", "adam", "lion")
    assert found.words == ("sgd", "adam", "lion")
    assert not found.is_ordered
    np.testing.assert_allclose(found.places, [1, 2])


def test_a_range_of_one_value_has_its_trials_in_the_middle() -> None:
    np.testing.assert_allclose(axis("one", "2").units, [0.5])


def test_a_missing_value_has_no_place() -> None:
    trials = [a_trial(0, {"x": "1"}), a_trial(1, {"lr": "1", "size": "8", "optimizer": "sgd"})]
    experiment = to_manifest(an_experiment().with_parameter("x", min="0", max="1").build())
    found = TrialTable.of(experiment, trials)
    np.testing.assert_equal(axis_of(found.parameters["x"]).units, [1, np.nan])
    np.testing.assert_equal(axis_of(found.parameters["lr"]).places, [np.nan, 0])


@pytest.mark.parametrize(
    ("values", "wide"),
    [([1, 2, 3], False), ([0.001, 0.01, 1], True), ([-1, 1, 1000], False), ([np.nan], False)],
)
def test_a_metric_that_spans_much_is_wide(values: list[float], wide: bool) -> None:
    assert is_wide(np.array(values)) is wide


def test_values_that_are_not_finite_have_no_place_on_a_metrics_axis() -> None:
    experiment = to_manifest(an_experiment().build())
    trials = [a_trial(n, {"lr": "0.1"}, {"loss": v}) for n, v in enumerate(["1", "inf", "3"])]
    found = metric_axis(TrialTable.of(experiment, trials).metrics["loss"])
    np.testing.assert_equal(found.places, [1, np.nan, 3])
    assert found.bounds == (1, 3)


def test_an_axis_of_some_trials_keeps_its_ends() -> None:
    found = axis("x", "0", "3").at(np.array([1]))
    assert (found.places.tolist(), found.bounds) == ([3], (-1, 3))
