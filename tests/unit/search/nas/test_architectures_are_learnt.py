"""Searches of architectures find what was planted; ``bench.nas`` says what and how."""

from __future__ import annotations

from statistics import mean

import pytest

from bench.nas import architectures

SEEDS = range(10)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("algorithm", "least"), [("enas", 0.5), ("regularized-evolution", 0.5)])
def test_the_planted_operations_become_frequent(algorithm: str, least: float) -> None:
    """By chance, one of eight is the planted one."""
    found, drawn = ([architectures(name, seed) for seed in SEEDS] for name in (algorithm, "random"))
    shares, accuracies = zip(*found, strict=True)
    random_shares, random_accuracies = zip(*drawn, strict=True)
    assert mean(random_shares) == pytest.approx(1 / 8, abs=0.03)
    assert mean(shares) > least
    assert min(shares) > max(random_shares)
    assert mean(accuracies) > mean(random_accuracies)
