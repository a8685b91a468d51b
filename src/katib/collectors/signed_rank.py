"""Wilcoxon's signed-rank test. Pure, and light enough to run beside every trial."""

from __future__ import annotations

from collections.abc import Sequence


def p_value(differences: Sequence[float]) -> float:
    """How likely a rank sum of the positive differences at least as large is by chance.

    Exact: of all ways to give the differences their signs, the share that has one. Differences of
    zero are left out, and equal ones share the mean of their ranks. See Wilcoxon, "Individual
    Comparisons by Ranking Methods" (1945).

    Args:
        differences: (n_pairs,), finite.

    Returns:
        1 when nothing differs.
    """
    ranked = sorted((one for one in differences if one != 0), key=abs)
    ranks = _doubled_ranks([abs(one) for one in ranked])
    positive = sum(rank for rank, one in zip(ranks, ranked, strict=True) if one > 0)
    # The product of (1 + x ** rank) has, before x ** s, the number of ways to come to the sum s.
    # Written in base 2 ** bits, where no coefficient needs more than one digit, it is an integer.
    bits = len(ranks) + 1
    product = 1
    for rank in ranks:
        product += product << (rank * bits)
    # The sum of all digits from that of the found sum on, as the sum of digits of a decimal number
    # is what it leaves when it is divided by nine.
    ways = (product >> (positive * bits)) % ((1 << bits) - 1) if ranks else 1
    return ways / (1 << len(ranks))


def _doubled_ranks(sizes: Sequence[float]) -> list[int]:
    """(n_pairs,), twice the mean rank of each of the sorted sizes: a whole number."""
    ranks: list[int] = []
    while len(ranks) < len(sizes):
        first = len(ranks)
        after = next((n for n in range(first, len(sizes)) if sizes[n] != sizes[first]), len(sizes))
        # The ranks from first + 1 to after.
        ranks += [first + 1 + after] * (after - first)
    return ranks
