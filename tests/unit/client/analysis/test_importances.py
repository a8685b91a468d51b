from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from katib.api.codec import to_manifest
from katib.client.analysis.importances import Importances, Share, importances
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from trial_manifests import Metrics, a_table, a_trial

ADDITIVE = (
    an_experiment()
    .with_parameter("a", min="0", max="1")
    .with_parameter("b", "int", min="0", max="999")
    .with_parameter("c", "categorical", list=["u", "v", "w"])
    .with_parameter("lr", min="0.0001", max="1", distribution="logUniform")
    .with_parameter("idle", "discrete", list=["1", "2", "4", "8"])
    .build()
)


def additive(point: Mapping[str, str]) -> Metrics:
    """Variances: 4 / 12 of a, 1 / 12 of b, 1 / 6 of c, 1 / 12 of lr; together 8 / 12."""
    lr = math.log10(float(point["lr"])) / 4
    word = {"u": 0.0, "v": 0.5, "w": 1.0}[point["c"]]
    return {"loss": 2 * float(point["a"]) + float(point["b"]) / 999 + word + lr}


def cube(*names: str, low: str = "0") -> TrialTable:
    builder = an_experiment()
    for name in names:
        builder.with_parameter(name, min=low, max="1")
    return a_table(builder.build(), 2000, FUNCTIONS["".join(names)])


def ishigami(point: Mapping[str, str]) -> Metrics:
    """T. Ishigami and T. Homma, 1990, with a = 7 and b = 0.1: its shares are known exactly."""
    x, y, z = (math.pi * float(point[name]) for name in "xyz")
    return {"loss": math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)}


FUNCTIONS = {
    "xyz": ishigami,
    "uvw": lambda point: {"loss": float(point["u"]) * float(point["v"])},
}


def means(found: Importances) -> dict[str, float]:
    return {name: share.mean for name, share in found.parameters.items()}


def test_shares_of_a_sum_are_those_of_its_terms() -> None:
    found = importances(a_table(ADDITIVE, 2000, additive))
    assert list(found.parameters)[:2] == ["a", "c"]
    assert means(found) == pytest.approx(
        {"a": 0.5, "c": 0.25, "b": 0.125, "lr": 0.125, "idle": 0.0}, abs=0.04
    )
    assert found.rest < 0.1
    assert found.trials == 1500


def test_shares_of_a_known_function() -> None:
    found = importances(cube("x", "y", "z", low="-1"))
    assert means(found) == pytest.approx({"x": 0.314, "y": 0.442, "z": 0.0}, abs=0.1)
    (pair, share), *others = found.pairs.items()
    assert pair == ("x", "z")
    assert share.mean == pytest.approx(0.244, abs=0.05)
    assert all(other.mean < 0.06 for _, other in others)


def test_a_product_is_explained_by_both_factors_together() -> None:
    found = importances(cube("u", "v", "w", low="-1"))
    assert max(means(found).values()) < 0.02
    assert found.pairs["u", "v"].mean > 0.9
    assert found.rest > 0.95


@pytest.mark.parametrize("type", ["minimize", "maximize"])
def test_twenty_trials_show_what_matters_most(type: str) -> None:
    experiment = (
        an_experiment()
        .with_objective(type=type)
        .with_parameter("much", min="0", max="1")
        .with_parameter("little", min="0", max="1")
        .build()
    )
    table = a_table(experiment, 20, lambda p: {"loss": 5 * float(p["much"]) + float(p["little"])})
    found = importances(table)
    assert found.parameters["much"].mean > 0.7
    assert found.parameters["little"].mean < 0.2


@pytest.mark.parametrize("count", [2, 3, 4, 5, 10])
def test_few_trials_have_shares_that_are_some(count: int) -> None:
    found = importances(a_table(ADDITIVE, count, additive))
    assert found.trials == count
    for share in (*found.parameters.values(), *found.pairs.values()):
        assert 0 <= share.mean <= 1
        assert 0 <= share.deviation <= 1
    assert sum(means(found).values()) <= 1 + 1e-9
    assert 0 <= found.rest <= 1
    assert any(means(found).values()) == (count >= 4)


NOTHING: dict[str, tuple[int, float | str, str]] = {
    "no trial": (0, 1, "Succeeded"),
    "one trial": (1, 1, "Succeeded"),
    "an objective that never differs": (9, 1, "Succeeded"),
    "trials that failed": (9, 1, "Failed"),
    "values that are not finite": (9, "inf", "Succeeded"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_explained_by(case: str) -> None:
    count, value, status = NOTHING[case]
    found = importances(a_table(ADDITIVE, count, lambda _: {"loss": value}, [status]))
    assert set(found.parameters.values()) == {Share(0, 0)}
    assert found.pairs == {}
    assert found.rest == 0


def test_a_failed_or_stopped_trial_changes_nothing() -> None:
    clean = a_table(ADDITIVE, 50, additive)
    point = {"a": "1", "b": "0", "c": "u", "lr": "1", "idle": "1"}
    dirty = TrialTable.of(
        to_manifest(ADDITIVE),
        [
            *[
                a_trial(
                    row, {k: c.texts[row] or "" for k, c in clean.parameters.items()}, {"loss": v}
                )
                for row, v in enumerate(clean.values)
            ],
            a_trial(90, point, status="Failed"),
            a_trial(91, point, {"loss": 1e9}, "EarlyStopped"),
        ],
    )
    assert importances(dirty) == importances(clean)


def test_the_same_trials_have_the_same_importances() -> None:
    table = a_table(ADDITIVE, 40, additive)
    assert importances(table) == importances(table)
    assert importances(table) != importances(table, seed=1)


def test_the_size_of_the_objective_is_of_no_importance() -> None:
    table = a_table(ADDITIVE, 40, additive)
    huge = a_table(ADDITIVE, 40, lambda p: {"loss": 2.0**600 * float(str(additive(p)["loss"]))})
    assert means(importances(huge)) == pytest.approx(means(importances(table)))


def test_words_that_are_all_different_do_not_take_for_ever() -> None:
    experiment = an_experiment().with_parameter("lr", min="0", max="1").build()
    trials = [
        a_trial(n, {"lr": str(n / 400), "architecture": f"[[{n}]]"}, {"loss": n / 400})
        for n in range(400)
    ]
    found = importances(TrialTable.of(to_manifest(experiment), trials))
    assert found.parameters["lr"].mean > 0.9
