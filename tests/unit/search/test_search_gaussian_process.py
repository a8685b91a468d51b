from __future__ import annotations

import numpy as np
import pytest

from katib.search.gaussian_process import GaussianProcess, Kernel, Posterior
from katib.search.history import Floats

GROUPS = np.array([0, 1, 1])


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def wave(at: Floats) -> Floats:
    return np.asarray(np.sin(6 * at[:, 0]) + at[:, 1] * 0.1)


def differences(of: Floats, step: float = 1e-5) -> Floats:
    return np.eye(len(of)) * step


def test_the_gradient_of_the_posterior_is_right() -> None:
    known = points(25)
    posterior = Posterior(known, wave(known), GROUPS)
    logs = np.array([-0.5, 0.3, 0.1, -3.0])
    gradient = posterior.loss(logs)[1]
    found = [
        (posterior.loss(logs + step)[0] - posterior.loss(logs - step)[0]) / 2e-5
        for step in differences(logs)
    ]
    np.testing.assert_allclose(gradient, found, rtol=1e-5)


def test_the_gradients_of_mean_and_deviation_are_right() -> None:
    known = points(25)
    process = GaussianProcess.fit(known, wave(known), GROUPS)
    here = np.array([0.31, 0.72, 0.44])
    mean, deviation, by_mean, by_deviation = process.slopes(here)
    means, deviations = process.predict(here[None])
    assert (mean, deviation) == pytest.approx((means[0], deviations[0]), rel=1e-4)
    for number, step in enumerate(differences(here, 1e-4)):
        above, below = process.predict((here + step)[None]), process.predict((here - step)[None])
        assert by_mean[number] == pytest.approx((above[0][0] - below[0][0]) / 2e-4, abs=1e-3)
        assert by_deviation[number] == pytest.approx((above[1][0] - below[1][0]) / 2e-4, abs=1e-3)


@pytest.mark.parametrize("count", [1, 2, 30, 90, 200])
def test_it_knows_what_it_was_told(count: int) -> None:
    known = points(count)
    process = GaussianProcess.fit(known, wave(known), GROUPS)
    means, deviations = process.predict(known)
    assert np.abs(means - wave(known)).max() < 0.1
    assert deviations.max() < 0.2
    assert process.best == means.min()


def test_it_predicts_a_smooth_function() -> None:
    known, unknown = points(60), points(100, seed=1)
    means, deviations = GaussianProcess.fit(known, wave(known), GROUPS).predict(unknown)
    assert np.abs(means - wave(unknown)).max() < 0.1
    away = np.abs(means - wave(unknown)) / deviations
    assert (away < 3).mean() > 0.9


def test_what_matters_less_has_a_greater_length() -> None:
    known = points(60)
    logs = GaussianProcess.fit(known, np.sin(6 * known[:, 0]), GROUPS).kernel.logs
    assert logs[1] > logs[0] + 1


def test_noise_is_told_from_signal() -> None:
    known = points(150)
    noise = np.random.default_rng(3).normal(0, 0.5, 150)
    kernel = GaussianProcess.fit(known, wave(known) + noise, GROUPS).kernel
    assert 0.1 < kernel.noise < 0.5
    assert GaussianProcess.fit(known, wave(known), GROUPS).kernel.noise < 1e-3


def test_what_is_believed_makes_it_surer_and_changes_no_mean() -> None:
    known, believed = points(20), points(3, seed=5)
    before = GaussianProcess.fit(known, wave(known), GROUPS)
    after = before.believe(believed)
    elsewhere = np.vstack([points(20, seed=6), believed])
    (means, deviations), (new_means, new_deviations) = (
        before.predict(elsewhere),
        after.predict(elsewhere),
    )
    np.testing.assert_allclose(new_means, means, atol=1e-4)
    assert (new_deviations <= deviations + 1e-9).all()
    assert (new_deviations[-3:] < deviations[-3:]).all()


def test_the_kernel_falls_from_the_signal_to_nothing() -> None:
    kernel = Kernel(np.log([0.2, 0.2, 2.0, 1e-4]), GROUPS)
    line = np.linspace(0, 5, 50)[:, None] * np.ones(3)
    values = kernel.between(line[:1], line)[0]
    assert values[0] == pytest.approx(2.0)
    assert (np.diff(values) < 0).all()
    assert values[-1] < 1e-6
