"""A search by gradients finds the operation that was planted."""

from __future__ import annotations

from statistics import mean

import pytest

from bench.nas_gradients import by_gradients, by_random

SEEDS = range(10)


@pytest.mark.slow
def test_the_genotype_prefers_the_planted_operation() -> None:
    """By chance, one of four operations is right; random search takes as long."""
    found, drawn = ([search(seed) for seed in SEEDS] for search in (by_gradients, by_random))
    assert mean(found) > 0.8
    assert mean(found) > mean(drawn)


@pytest.mark.slow
def test_so_it_does_when_the_architecture_looks_ahead() -> None:
    """At four times the price, which is why there are fewer seeds."""
    assert mean(by_gradients(seed, unrolled=True) for seed in range(3)) > 0.8
