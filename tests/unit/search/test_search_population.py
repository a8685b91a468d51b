from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from katib.search.history import Outcome, PastTrial
from katib.search.population import Member, Ranking, members_of, truncated


def a_trial(name: str, loss: float = math.nan, outcome: Outcome | None = None) -> PastTrial:
    result = Outcome.FAILED if math.isnan(loss) else Outcome.FINISHED
    return PastTrial(name, outcome or result, loss, (), (), {})


def members(*losses: float) -> Sequence[Member]:
    return [
        Member(number, {0: [a_trial(f"t{number}", loss)]}) for number, loss in enumerate(losses)
    ]


# losses, threshold, losers, winners
TRUNCATED: dict[str, tuple[Sequence[float], float, set[int], list[int]]] = {
    "a fifth of 41 are 8 losers and 9 winners": (
        range(41),
        0.2,
        set(range(33, 41)),
        list(range(9)),
    ),
    "the worst and the best of five": ([3, 1, 5, 2, 4], 0.2, {2}, [1]),
    "no share has no losers": ([3, 1, 2], 0, set(), [1]),
    "the whole share keeps the best only": ([3, 1, 2], 1, {0, 2}, [1]),
    "where all are the same nobody loses": ([1, 1, 1, 1, 1], 0.2, set(), [0]),
    "most are equally bad": ([9, 1, 9, 9, 9], 0.25, {4}, [1, 0]),
    "most are equally good": ([1, 1, 1, 9, 1], 0.25, {3}, [0, 1]),
    "as good as the best is no loser": ([1, 1, 9], 1, {2}, [0, 1]),
    "one alone": ([1], 0.5, set(), [0]),
    "two": ([2, 1], 0.1, {0}, [1]),
    "a share that binary fractions make larger": (
        range(21),
        0.55,
        set(range(10, 21)),
        list(range(10)),
    ),
}


@pytest.mark.parametrize("case", TRUNCATED)
def test_who_loses_and_who_wins(case: str) -> None:
    losses, threshold, losers, winners = TRUNCATED[case]
    found, best = truncated(losses, threshold)
    assert set(found) == losers
    assert len(found) == len(losers)
    assert list(best) == winners


def test_members_are_compared_by_their_latest_results() -> None:
    population = [
        Member(0, {0: [a_trial("a0", 1)], 1: [a_trial("a1", 9)]}),
        Member(1, {0: [a_trial("b0", 5)], 1: [a_trial("b1", outcome=Outcome.PENDING)]}),
        Member(2, {0: [a_trial("c0", 4)], 1: [a_trial("c1"), a_trial("c2")]}),
        Member(3, {}),
    ]
    ranking = Ranking.of(population, 0.2)
    assert ranking.losers == {"a1"}
    assert [trial.name for trial in ranking.winners] == ["c0"]


def test_a_trial_that_was_stopped_early_is_no_better_than_the_worst_that_finished() -> None:
    stopped = Member(2, {0: [a_trial("stopped", 0, Outcome.STOPPED)]})
    ranking = Ranking.of([*members(2, 3), stopped], 0.2)
    assert ranking.losers == {"stopped"}
    assert [trial.name for trial in ranking.winners] == ["t0"]


def test_without_results_there_is_no_ranking() -> None:
    assert Ranking.of([Member(0, {}), *members(math.nan)], 0.2) == Ranking(frozenset(), ())


FLAT: dict[str, tuple[list[float], bool]] = {
    "all the same": ([1, 1, 1], True),
    "one differs": ([1, 1, 2], False),
    "one result says nothing": ([1, math.nan], False),
}


@pytest.mark.parametrize("case", FLAT)
def test_whether_all_are_equally_good(case: str) -> None:
    losses, expected = FLAT[case]
    assert Ranking.of(members(*losses), 0.2).is_flat is expected


def test_a_member_is_what_its_trials_are() -> None:
    bad, good, twin = a_trial("bad"), a_trial("good", 2), a_trial("twin", 2)
    (none, retried, failed, busy) = members_of(
        [
            (1, 0, bad),
            (1, 0, twin),
            (1, 0, good),
            (2, 0, good),
            (2, 1, a_trial("y")),
            (2, 1, a_trial("x")),
            (3, 4, a_trial("runs", outcome=Outcome.PENDING)),
            (4, 0, good),
        ],
        4,
    )
    assert (none.generation, none.latest, none.is_busy) == (-1, None, False)
    assert not none.failures
    assert (retried.latest, retried.failures) == (good, ())
    assert (failed.generation, failed.latest) == (1, good)
    assert [trial.name for trial in failed.failures] == ["x", "y"]
    assert (busy.generation, busy.latest, busy.is_busy) == (4, None, True)
