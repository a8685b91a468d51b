from __future__ import annotations

import numpy as np

from katib.client.analysis.selection import representative


def test_few_trials_are_all_shown() -> None:
    losses = np.array([3.0, np.nan, 1.0, np.inf, 2.0])
    assert representative(losses, 3).tolist() == [0, 2, 4]


def test_of_many_trials_the_best_are_all_shown_and_the_others_stand_for_the_rest() -> None:
    losses = np.random.default_rng(1).permutation(10_000).astype(np.float64)
    rows = representative(losses, 1000)
    shown = np.sort(losses[rows])
    assert len(np.unique(rows)) == 1000
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(shown[:100], np.arange(100))
    assert shown[-1] == 9999
    gaps = np.diff(shown[100:])
    assert gaps.min() >= 10
    assert gaps.max() <= 12


def test_nothing_to_show_is_no_row() -> None:
    assert representative(np.full(4, np.nan), 2).tolist() == []
