from __future__ import annotations

import math

import numpy as np
import pytest

from bench.search.curves import FILE, Play, Run, Table, contenders, load, play_until, ranks, report

TABLES = load()


@pytest.fixture(params=TABLES, ids=lambda table: table.name)
def table(request: pytest.FixtureRequest) -> Table:
    found: Table = request.param
    return found


def test_the_recorded_curves_are_small_enough_for_a_repository() -> None:
    assert FILE.stat().st_size < 300_000
    assert len(TABLES) >= 4


def test_a_curve_is_there_for_every_point(table: Table) -> None:
    points = math.prod(len(values) for values in table.parameters.values())
    assert table.errors.shape == (points, 81)
    assert 200 <= points <= 500
    finals = table.errors[:, -1]
    assert np.isfinite(finals).mean() > 0.8
    assert np.min(finals) < 0.97 * np.median(finals)


def test_the_first_epoch_rarely_tells_which_point_is_the_best() -> None:
    misled = [
        table.name
        for table in TABLES
        if np.argmin(table.errors[:, 0]) != np.argmin(table.errors[:, -1])
    ]
    assert len(misled) >= 3


def test_a_trial_comes_to_the_smallest_error_of_its_epochs() -> None:
    errors = np.minimum.accumulate(np.array([[3, 4, 2.0], [5, 1, 1], [6, 6, 6], [9, 8, 7]]), axis=1)
    names = {"x": ["0.1", "0.2"], "y": ["a", "b"]}
    table = Table("any", names, {"x": True, "y": False}, errors)
    assert table.error({"x": "0.1", "y": "a"}, 2) == 3
    assert table.error({"x": "0.1", "y": "b"}, 2) == 1
    assert table.error({"x": "0.2", "y": "b"}, 3) == 7


@pytest.mark.parametrize("workers", [1, 3])
def test_epochs_are_counted_until_the_quality_is_reached(workers: int) -> None:
    table = TABLES[0]
    for name, contender in contenders(table).items():
        play = Play(table, contender, 0, workers)
        play_until(play, 4 * table.epochs, -math.inf)
        for run, total in (
            (play.again, play.spent_again),
            (play.resumed, play.spent_resumed),
        ):
            spent, errors = zip(*run.bests, strict=True)
            assert sorted(spent) == list(spent), name
            assert sorted(set(errors), reverse=True) == list(errors), name
            assert run.until(errors[-1]) == spent[-1] <= total
            assert run.until(errors[-1] - 1) == math.inf
            assert (run.at(spent[-1]), run.at(0)) == (errors[-1], math.inf)
        assert 4 * table.epochs <= play.spent_again < 5 * table.epochs
        has_rungs = "resource_name" in contender.settings
        assert (play.spent_resumed < play.spent_again) == has_rungs


def test_a_search_that_is_good_enough_ends_after_a_third() -> None:
    table = TABLES[0]
    play = Play(table, contenders(table)["asha"], 0, 1)
    play_until(play, 12 * table.epochs, math.inf)
    assert 4 * table.epochs <= play.spent_resumed < 5 * table.epochs


def test_the_target_is_what_random_search_comes_to() -> None:
    errors = np.linspace(0, 1, 101)[:, None]
    table = Table("any", {"x": [str(n) for n in range(101)]}, {"x": True}, errors)
    # The median of the smallest of n uniform numbers is 1 - 0.5 ** (1 / n).
    assert [table.target(number) for number in (1, 7)] == pytest.approx([0.5, 0.094], abs=0.06)


def test_equal_errors_share_their_rank() -> None:
    assert ranks([3, 1, 2, 1]) == [4, 1.5, 3, 1.5]


def test_the_report_has_the_medians() -> None:
    rows = [
        {"task": task, "contender": name, "share": share, "rank": rank}
        for task, name, share, rank in (
            ("a", "x", 0.5, 1),
            ("a", "x", 0.1, 1),
            ("a", "x", 0.2, 2),
            ("b", "x", math.inf, 3),
            ("b", "x", 0.9, 3),
            ("b", "x", math.inf, 2),
        )
    ]
    assert report(rows).splitlines()[-1] == "| x | 0.20 | never | 0.70 | 2.00 |"


def test_a_run_knows_nothing_before_its_first_trial() -> None:
    assert Run([]).at(10) == math.inf
