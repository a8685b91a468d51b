"""A search by gradients finds the operation that was planted."""

from __future__ import annotations

from statistics import mean

import pytest

from bench.nas_gradients import by_gradients

SEEDS = range(10)


@pytest.mark.slow
def test_the_genotype_prefers_the_planted_operation() -> None:
    """More often than chance, which has one of four operations right."""
    assert mean(by_gradients(seed) for seed in SEEDS) > 0.35


@pytest.mark.slow
def test_so_it_does_when_the_architecture_looks_ahead() -> None:
    """At four times the price; of four operations, chance would have a quarter."""
    assert mean(by_gradients(seed, unrolled=True) for seed in range(3)) > 0.6
