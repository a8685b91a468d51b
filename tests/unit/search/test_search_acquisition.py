from __future__ import annotations

import math

import numpy as np
import pytest

from katib.search.acquisition import ACQUISITIONS, ExpectedImprovement, log_improvement

MEANS = np.array([-1.0, 0.0, 0.3, 2.0, 5.0])
DEVIATIONS = np.array([0.5, 1.0, 0.02, 0.1, 0.1])


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_the_derivatives_are_those_of_the_scores(name: str) -> None:
    acquisition = ACQUISITIONS[name](0.1)
    step = 1e-6
    _, by_mean, by_deviation = acquisition.score(MEANS, DEVIATIONS)
    for means, deviations, wanted in (
        (step, 0.0, by_mean),
        (0.0, step, by_deviation),
    ):
        above = acquisition.score(MEANS + means, DEVIATIONS + deviations)[0]
        below = acquisition.score(MEANS - means, DEVIATIONS - deviations)[0]
        np.testing.assert_allclose((above - below) / (2 * step), wanted, rtol=1e-3)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_a_lower_mean_is_worth_more(name: str) -> None:
    means = np.linspace(3.0, -3.0, 50)
    scores = ACQUISITIONS[name](0.0).score(means, np.full(50, 0.5))[0]
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_above_the_best_a_point_is_worth_more_the_less_is_known_about_it(name: str) -> None:
    deviations = np.linspace(0.1, 2.0, 50)
    scores = ACQUISITIONS[name](0.0).score(np.full(50, 0.5), deviations)[0]
    assert (np.diff(scores) > 0).all()


def test_the_expected_improvement_is_the_average_of_what_is_drawn() -> None:
    score = ExpectedImprovement(0.2).score(np.array([0.5]), np.array([0.7]))[0]
    drawn = np.random.default_rng(0).normal(0.5, 0.7, 400_000)
    average = float(np.maximum(0.2 - drawn, 0.0).mean())
    assert math.exp(float(score[0])) == pytest.approx(average, rel=0.01)


def test_the_logarithm_of_an_improvement_has_no_end_and_no_seam() -> None:
    z = np.concatenate([-np.logspace(7, -3, 4000), np.linspace(0, 30, 1000)])
    logs = log_improvement(z)
    assert np.isfinite(logs).all()
    assert (np.diff(logs) > 0).all()
    for seam in (-1.0, -1e4):
        below, above = log_improvement(np.array([seam * (1 + 1e-9), seam * (1 - 1e-9)]))
        assert above - below == pytest.approx(0.0, abs=1e-6 * abs(above))
    # Ament et al. 2023, equation 9, far out: the density over the square.
    assert log_improvement(np.array([-100.0]))[0] == pytest.approx(
        -5000 - math.log(2 * math.pi) / 2 - 2 * math.log(100), abs=1e-3
    )
