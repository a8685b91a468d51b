from __future__ import annotations

import pytest

from katib.search.permutation import Permutation


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 100, 257])
def test_every_number_comes_once(size: int) -> None:
    order = Permutation(size, seed=3)
    assert sorted(order[place] for place in range(size)) == list(range(size))


def test_seeds_have_orders_of_their_own() -> None:
    orders = [[Permutation(100, seed)[place] for place in range(100)] for seed in (1, 2)]
    assert orders[0] != orders[1]
    assert list(range(100)) not in orders


def test_the_order_of_a_seed_stays_the_same_for_ever() -> None:
    order = Permutation(10, seed=0)
    assert [order[place] for place in range(10)] == [1, 8, 9, 7, 5, 2, 4, 3, 6, 0]


def test_very_many_numbers_need_no_memory() -> None:
    size = 10**40
    order = Permutation(size, seed=1)
    found = {order[place] for place in (0, 1, 2, size - 1)}
    assert len(found) == 4
    assert all(0 <= number < size for number in found)


@pytest.mark.parametrize("place", [-1, 5])
def test_there_is_no_other_place(place: int) -> None:
    with pytest.raises(IndexError, match="not below 5"):
        Permutation(5, seed=1)[place]
