from __future__ import annotations

import numpy as np
import pytest

from katib.search.history import Floats
from katib.search.kernel import Kernel, bend, matern, squares


def test_the_correlation_falls_from_one_to_nothing() -> None:
    values, falls = matern(np.linspace(0, 100, 50))
    assert values[0] == pytest.approx(1.0)
    assert (np.diff(values) < 0).all()
    assert values[-1] < 1e-6
    assert (falls > 0).all()


def test_how_fast_it_falls_is_right() -> None:
    at = np.linspace(0.1, 4, 20)
    slopes = (matern(at + 1e-6)[0] - matern(at - 1e-6)[0]) / 2e-6
    np.testing.assert_allclose(matern(at)[1], -2 * slopes, rtol=1e-6)


def test_distances_are_those_between_points() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((5, 3)), rng.random((4, 3))
    wanted = ((one[:, None] - other[None]) ** 2).sum(2)
    np.testing.assert_allclose(squares(one, other), wanted, atol=1e-12)
    assert np.diag(squares(one, one)).min() >= 0


SHAPES = {"flat": (1.0, 1.0), "steep at the start": (0.4, 1.5), "steep at the end": (3.0, 0.3)}


@pytest.mark.parametrize("case", SHAPES)
def test_bent_places_keep_their_order_and_their_ends(case: str) -> None:
    places = np.linspace(0, 1, 30)[:, None]
    bent = bend(places, np.array(SHAPES[case])[:, None]).places
    assert (np.diff(bent[:, 0]) > 0).all()
    assert bent[0] == pytest.approx(0, abs=0.01)
    assert bent[-1] == pytest.approx(1, abs=0.05)
    if case == "flat":
        np.testing.assert_allclose(bent, places, atol=1e-5)


@pytest.mark.parametrize("case", SHAPES)
def test_how_bent_places_change_is_right(case: str) -> None:
    places, logs = np.linspace(0.01, 0.99, 9)[:, None], np.log(SHAPES[case])[:, None]
    found = bend(places, np.exp(logs))
    step = 1e-6

    def change(place: float, first: float, second: float) -> Floats:
        moved = np.array([[first], [second]])
        above = bend(places + place, np.exp(logs + moved)).places
        below = bend(places - place, np.exp(logs - moved)).places
        return np.asarray((above - below) / (2 * step))

    np.testing.assert_allclose(found.by_place, change(step, 0, 0), rtol=1e-5)
    np.testing.assert_allclose(found.by_first, change(0, step, 0), atol=1e-8)
    np.testing.assert_allclose(found.by_second, change(0, 0, step), atol=1e-8)


@pytest.mark.parametrize("shapes", [None, np.array([[0.5, 2.0], [1.5, 0.7]])])
def test_how_placed_points_move_is_right(
    shapes: Floats | None,
) -> None:
    kernel = Kernel(np.array([0.3, 2.0]), 1.0, 0.1, shapes)
    points = np.random.default_rng(0).random((6, 2))
    moved = (kernel.placed(points + 1e-6) - kernel.placed(points - 1e-6)) / 2e-6
    np.testing.assert_allclose(kernel.stretch(points), moved, rtol=1e-5)
