"""Every chart, of no trial and of thousands: JSON that a browser can read, and no more of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from katib.api import names
from katib.client.analysis.curves import curves
from katib.client.analysis.importances import importances
from katib.client.analysis.points import points
from katib.client.observation_log import MetricLog, NamedValue
from katib.client.trial_table import TrialTable
from katib.ports.observation_log import MetricEntry
from katib.testing.builders import an_experiment
from katib.web.charts.comparison import draw_progress, draw_trials
from katib.web.charts.contour import draw_contour
from katib.web.charts.curves import MOST_LINES, MOST_POINTS, choose_trials, draw_curves, thinned
from katib.web.charts.history import draw_history
from katib.web.charts.importances import draw_importances
from katib.web.charts.parallel import conditions_of, draw_parallel
from katib.web.charts.pareto import draw_pareto
from katib.web.charts.reports import draw_reports, metrics_of
from katib.web.charts.slices import draw_slice
from katib.web.charts.styling import GOOD_TO_BAD, Options, counted, mixed, shades
from katib.web.charts.timeline import draw_timeline
from katib.web.filtering import Filter
from trial_manifests import BEGINNING, Metrics, a_table

STATUSES = ("Succeeded", "EarlyStopped", "Succeeded", "Failed", "Running", "Pending")


def observe(point: Mapping[str, str]) -> Metrics:
    loss = math.log10(float(point["lr"])) ** 2 + {"sgd": 1.0, "adam": 0.0}[point["optimizer"]]
    return {"loss": loss, "accuracy": 1 / (1 + loss)}


@cache
def the_table(count: int, type: str = names.MINIMIZE, statuses: Sequence[str] = STATUSES) -> Any:
    builder = an_experiment().with_objective("loss", type, goal=0.5, additional=["accuracy"])
    builder.with_parameter("lr", min="0.0001", max="1", distribution="logUniform")
    builder.with_parameter("layers", names.INT, min="1", max="4")
    builder.with_parameter("optimizer", names.CATEGORICAL, list=["sgd", "adam"])
    return a_table(builder.build(), count, observe, tuple(statuses))


def a_log(table: TrialTable, row: int, reports: int = 12) -> list[MetricEntry]:
    times = [BEGINNING + timedelta(seconds=number) for number in range(reports)]
    return [
        MetricEntry(time, "loss", str(row % 7 + 1 / (number + 1)))
        for number, time in enumerate(times)
    ]


def draw_some_curves(table: TrialTable, reports: int = 12) -> Options:
    rows = choose_trials(table).tolist()
    logs = {table.names[row]: a_log(table, row, reports) for row in rows}
    return draw_curves(table, curves(table, logs, None, MOST_LINES))


CHARTS: Mapping[str, Callable[[TrialTable], Options]] = {
    "history": draw_history,
    "parallel": lambda table: draw_parallel(table, points(table)),
    "importances": lambda table: draw_importances(importances(table)),
    "slice of numbers": lambda table: draw_slice(table, points(table, ["lr"])),
    "slice of words": lambda table: draw_slice(table, points(table, ["optimizer"])),
    "contour of numbers": lambda table: draw_contour(table, "lr", "layers"),
    "contour of words": lambda table: draw_contour(table, "optimizer", "lr"),
    "curves": draw_some_curves,
    "pareto": lambda table: draw_pareto(table, "loss", "accuracy"),
    "timeline": draw_timeline,
    "best so far by trials": lambda table: draw_progress({"one": table}, False),
    "best so far by time": lambda table: draw_progress({"one": table}, True),
}


def data_of(options: Options) -> list[Any]:
    return [one for series in options["series"] for one in series["data"]]


@pytest.mark.parametrize("count", [0, 1, 12, 5000])
@pytest.mark.parametrize("type", [names.MINIMIZE, names.MAXIMIZE])
@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_of_any_number_of_trials_is_small_json(chart: str, type: str, count: int) -> None:
    options = CHARTS[chart](the_table(count, type))
    text = json.dumps(options, allow_nan=False)
    assert len(text) < 400_000
    # A map has a cell for each place besides its trials; curves have many points each.
    most = MOST_POINTS if chart == "curves" else 41 * 41 + 500 if "contour" in chart else 1600
    assert len(data_of(options)) <= most
    title = options["aria"]["label"]["description"]
    assert title
    assert options["toolbox"]["feature"]["saveAsImage"]["name"] == title


@pytest.mark.parametrize("by_time", [False, True])
def test_an_experiment_of_one_trial_is_seen_beside_others(by_time: bool) -> None:
    """It is a point, of which a line alone would show nothing."""
    options = draw_progress({"one": the_table(1), "more": the_table(12)}, by_time)
    assert [one["symbol"] for one in options["series"]] == ["circle", "none"]


def test_the_best_so_far_is_a_line_of_steps_over_points_by_status() -> None:
    options = draw_history(the_table(60))
    series = {one["name"]: one for one in options["series"]}
    assert set(series) == {"Succeeded", "EarlyStopped", "Best so far"}
    steps = [value for _, value in series["Best so far"]["data"]]
    assert steps == sorted(steps, reverse=True)
    assert series["Best so far"]["data"][-1][0] == 60
    assert series["Best so far"]["markLine"]["data"] == [{"yAxis": 0.5, "name": "goal"}]


def test_parallel_coordinates_have_the_objective_first_logarithms_and_words() -> None:
    options = draw_parallel(the_table(40), points(the_table(40)))
    axes = options["parallelAxis"]
    assert [one["name"] for one in axes] == ["loss", "lr", "layers", "optimizer"]
    assert [one["type"] for one in axes] == ["value", "log", "value", "category"]
    assert axes[1]["min"] == 0.0001
    assert axes[3]["data"] == ["sgd", "adam"]
    lines = options["series"][0]["data"]
    assert lines[-1]["value"][0] == min(line["value"][0] for line in lines), "the best is on top"
    assert lines[-1]["lineStyle"]["color"] == GOOD_TO_BAD[0]


def test_what_is_kept_on_the_axes_is_what_a_filter_keeps() -> None:
    table = the_table(60)
    found = points(table)
    axes = (found.objective, *found.parameters)
    areas = [[], [[0.001, 0.1]], [], [[0.6, 1.2]]]
    conditions = conditions_of(axes, areas)
    assert conditions == ["lr>=0.001", "lr<=0.1", "optimizer=adam"]
    kept = Filter.of(" ".join(conditions)).fits(table)
    rates = table.parameters["lr"].numbers
    words = np.array(table.parameters["optimizer"].texts) == "adam"
    assert kept.tolist() == ((rates >= 0.001) & (rates <= 0.1) & words).tolist()
    assert conditions_of(axes, [[], [], [], []]) == []


def test_several_words_are_kept_together() -> None:
    (condition,) = conditions_of(points(the_table(9), ["optimizer"]).parameters, [[[-0.4, 1.3]]])
    assert condition == "optimizer=sgd|adam"


@pytest.mark.parametrize(("type", "step"), [(names.MINIMIZE, "end"), (names.MAXIMIZE, "start")])
def test_the_front_is_what_no_other_beats_by_the_direction(type: str, step: str) -> None:
    options = draw_pareto(the_table(60, type), "loss", "accuracy")
    others, front = options["series"]
    assert front["step"] == step
    xs = [point["value"][0] for point in front["data"]]
    assert xs == sorted(xs)
    sign = 1 if type == names.MINIMIZE else -1
    for x, y in (point["value"] for point in others["data"]):
        beaten_by = [
            one["value"]
            for one in front["data"]
            if sign * one["value"][0] <= sign * x and sign * one["value"][1] <= sign * y
        ]
        assert beaten_by


def test_bars_of_a_timeline_are_by_status_and_lie_within_its_ends() -> None:
    options = draw_timeline(the_table(60))
    assert {one["name"] for one in options["series"]} == set(STATUSES) - {"Pending"}
    for bar in data_of(options):
        (begun, slot), (ended, same) = bar["coords"]
        assert options["xAxis"]["min"] <= begun < ended <= options["xAxis"]["max"]
        assert slot == same
        assert bar["trial"] in bar["name"]


def test_curves_are_of_the_best_the_newest_and_others_and_the_stopped_are_dashed() -> None:
    table = the_table(5000)
    rows = choose_trials(table)
    begun = [row for row, status in enumerate(table.statuses) if status != "Pending"]
    assert len(rows) == MOST_LINES
    assert table.best_row in rows
    assert set(begun[-40:]) <= set(rows.tolist())
    options = draw_some_curves(table)
    by_status = {one["name"]: one for one in options["series"]}
    assert by_status["EarlyStopped"]["lineStyle"]["type"] == "dashed"
    assert by_status["Succeeded"]["lineStyle"]["type"] == "solid"
    best = options["series"][-1]
    assert best["id"] == table.names[table.best_row]
    assert best["name"].startswith("Best: ")


def test_long_curves_are_thinned_and_keep_their_extremes() -> None:
    values = np.sin(np.arange(10_000) / 50)
    values[4321], values[7777] = 9.0, -9.0
    places = thinned(values, 100)
    assert len(places) <= 100
    assert {0, 4321, 7777, 9999} <= set(places.tolist())
    assert thinned(values[:50], 100).tolist() == list(range(50))
    options = draw_some_curves(the_table(600), reports=290)
    assert len(data_of(options)) <= MOST_POINTS


def test_a_map_is_empty_where_no_trial_is_near_and_of_one_colour_for_one_trial() -> None:
    options = draw_contour(the_table(1), "lr", "layers")
    cells, trials = (one["data"] for one in options["series"])
    assert 0 < len(cells) < 41 * 41
    assert {cell["value"][2] for cell in cells} == {0.0}
    assert {cell["itemStyle"]["color"] for cell in cells} == {GOOD_TO_BAD[0]}
    assert len(trials) == 1
    assert options["xAxis"][0]["min"] < 0.0001 < 1 < options["xAxis"][0]["max"]


def test_importances_of_some_parameters_are_shares_of_the_whole() -> None:
    found = importances(the_table(200, statuses=("Succeeded",)))
    options = draw_importances(found, ["layers", "lr"])
    assert options["yAxis"]["data"] == ["layers", "lr"], "the most important is on top"
    assert options["series"][0]["data"][1] == round(found.parameters["lr"].mean, 4)


def test_colours_go_from_good_to_bad_and_mix_between() -> None:
    assert mixed(GOOD_TO_BAD, -1) == GOOD_TO_BAD[0]
    assert mixed(GOOD_TO_BAD, 2) == GOOD_TO_BAD[-1]
    assert mixed(("#000000", "#ffffff"), 0.5) == "#808080"
    objective = points(the_table(60)).objective
    order = objective.places.argsort()
    assert shades(objective, False, [order[0]]) == [GOOD_TO_BAD[0]]
    assert shades(objective, True, [order[-1]]) == [GOOD_TO_BAD[0]]


@pytest.mark.parametrize(
    ("shown", "total", "text"),
    [
        (1, 0, "1 trial"),
        (0, 0, "0 trials"),
        (5, 5, "5 trials"),
        (1500, 5000, "1,500 of 5,000 trials"),
    ],
)
def test_trials_are_counted_in_words(shown: int, total: int, text: str) -> None:
    assert counted(shown, total) == text


def entries(*pairs: tuple[str, str]) -> list[MetricLog]:
    return [
        MetricLog(f"2026-01-01T12:00:{number:02}Z", NamedValue(*pair))
        for number, pair in enumerate(pairs)
    ]


def test_reports_are_lines_by_number_or_by_time_of_the_chosen_metrics() -> None:
    log = entries(("loss", "2"), ("note", "unavailable"), ("accuracy", "0.5"), ("loss", "1"))
    assert metrics_of(log) == ["loss", "accuracy"]
    by_number = draw_reports(log, False)
    assert [one["data"] for one in by_number["series"]] == [[[1, 2.0], [2, 1.0]], [[1, 0.5]]]
    (line,) = draw_reports(log, True, ["accuracy"])["series"]
    assert line["data"] == [[1767268802000, 0.5]]
    assert line["color"] == by_number["series"][1]["color"], "a metric keeps its colour"


def test_a_report_of_hundreds_of_thousands_is_thinned() -> None:
    log = entries(("loss", "2")) * 100_000
    assert len(data_of(draw_reports(log, False))) <= 1500


def test_curves_of_trials_lie_over_each_other() -> None:
    logs = {"a": entries(("loss", "3"), ("loss", "nan"), ("loss", "1")), "b": entries(("x", "1"))}
    options = draw_trials(logs, "loss")
    assert [one["name"] for one in options["series"]] == ["a", "b"]
    assert options["series"][0]["data"][-1] == [3, 1.0]
    assert options["series"][1]["data"] == []
    json.dumps(options, allow_nan=False)


def test_best_so_far_over_time_begins_when_the_first_trial_ended() -> None:
    table = the_table(60)
    (line,) = draw_progress({"one": table}, True)["series"]
    minutes = [place for place, _ in line["data"]]
    values = [value for _, value in line["data"]]
    assert minutes == sorted(minutes)
    assert minutes[0] == pytest.approx(2 / 60, abs=1e-4)
    assert values == sorted(values, reverse=True)
    ended = [one is not None for one in table.completed]
    assert values[-1] == pytest.approx(np.nanmin(table.losses[ended]), rel=1e-5)
