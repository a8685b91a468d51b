"""A search by gradients finds the operation that was planted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import mean

import pytest
import torch

from bench.nas_gradients import by_gradients, by_random


def shares(search: Callable[[int], float], seeds: int) -> list[float]:
    """What a search finds with each seed; two at a time, since one takes many seconds."""
    context = get_context("spawn")
    with ProcessPoolExecutor(2, context, torch.set_num_threads, (1,)) as pool:
        return list(pool.map(search, range(seeds)))


@pytest.mark.slow
def test_the_genotype_prefers_the_planted_operation() -> None:
    """By chance, one of four operations is right; random search takes as long."""
    found = shares(by_gradients, 10)
    assert mean(found) > 0.8
    assert mean(found) > mean(shares(by_random, 10))


@pytest.mark.slow
def test_so_it_does_when_the_architecture_looks_ahead() -> None:
    """At two and a half times the price, which is why there are fewer seeds, and a lower bar.

    With ten seeds it is 0.90; by chance, a quarter.
    """
    assert mean(shares(partial(by_gradients, unrolled=True), 3)) > 0.6
