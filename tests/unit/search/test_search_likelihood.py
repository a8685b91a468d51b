from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from katib.search.history import Floats
from katib.search.likelihood import Groups, Posterior, fit, length_prior

NUMBERS = np.array([0, 1, 1])


def groups(*ordered: int) -> Groups:
    return Groups(NUMBERS, np.array(ordered, dtype=np.intp))


def points(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def wave(at: Floats) -> Floats:
    return np.asarray(np.sin(6 * at[:, 0]) + at[:, 1] * 0.1)


@pytest.mark.parametrize("ordered", [(), (0,), (0, 1)])
def test_the_gradient_of_the_posterior_is_right(ordered: Sequence[int]) -> None:
    known = points(25)
    posterior = Posterior(known, wave(known), groups(*ordered))
    logs = np.array([-0.5, 0.3, 0.1, -3.0, 0.2, -0.3, 0.4, 0.1][: 4 + 2 * len(ordered)])
    found = [
        (posterior.loss(logs + step)[0] - posterior.loss(logs - step)[0]) / 2e-5
        for step in np.eye(len(logs)) * 1e-5
    ]
    np.testing.assert_allclose(posterior.loss(logs)[1], found, rtol=1e-5)


def test_what_matters_less_has_a_greater_length() -> None:
    known = points(60)
    lengths = fit(known, np.sin(6 * known[:, 0]), groups()).lengths
    assert lengths[1] == lengths[2] > 3 * lengths[0]


def test_noise_is_told_from_signal() -> None:
    known = points(150)
    noise = np.random.default_rng(3).normal(0, 0.5, 150)
    assert 0.1 < fit(known, wave(known) + noise, groups()).noise < 0.5
    assert fit(known, wave(known), groups()).noise < 1e-3


def test_where_a_function_changes_faster_places_are_stretched() -> None:
    known = points(100)
    quick_at_first = np.sin(20 * known[:, 0] ** 0.3)
    kernel = fit(known, quick_at_first, groups(0))
    ends = kernel.placed(np.array([[0.0, 0, 0], [0.1, 0, 0], [0.9, 0, 0], [1.0, 0, 0]]))[:, 0]
    assert ends[1] - ends[0] > 2 * (ends[3] - ends[2])


def test_without_evidence_lengths_grow_with_the_parameters() -> None:
    assert length_prior(1).mean < length_prior(10).mean < length_prior(100).mean
    one = points(1)
    few, many = (
        fit(one, np.zeros(1), Groups(np.arange(3), np.array([], dtype=np.intp))),
        fit(np.ones((1, 30)), np.zeros(1), Groups(np.arange(30), np.array([], dtype=np.intp))),
    )
    assert few.lengths.max() < many.lengths.min()


def test_a_flat_function_and_equal_points_have_a_kernel() -> None:
    for losses in (np.zeros(30), np.linspace(-1, 1, 30)):
        kernel = fit(np.full((30, 3), 0.5), losses, groups(0, 1))
        assert np.isfinite([*kernel.lengths, kernel.signal, kernel.noise]).all()


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1.0])
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_most_extreme_kernels_have_a_likelihood(spread: float, end: str) -> None:
    close = 0.5 + spread * (points(150) - 0.5)
    posterior = Posterior(close, wave(points(150)), groups())
    lengths = length_prior(2)
    length = lengths.low if end == "low" else lengths.high
    # The largest signal and the least noise that are looked at.
    misfit, gradient = posterior.loss(np.array([length, length, np.log(50), np.log(1e-6)]))
    assert np.isfinite([misfit, *gradient]).all()
