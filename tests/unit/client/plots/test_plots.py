from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from katib.client import plots
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError
from katib.ports.observation_log import MetricEntry
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, Metrics, a_table

Plot = Callable[[TrialTable], go.Figure]

PLOTS: dict[str, Plot] = {
    "history": plots.plot_history,
    "parallel coordinates": plots.plot_parallel_coordinates,
    "importances": plots.plot_importances,
    "slice": plots.plot_slice,
    "contour": plots.plot_contour,
    "intermediate values": lambda table: plots.plot_intermediate_values(table, logs_of(table)),
    "pareto front": plots.plot_pareto_front,
    "edf": plots.plot_edf,
    "timeline": plots.plot_timeline,
}


def loss(point: Mapping[str, str]) -> Metrics:
    rate = math.log10(float(point["lr"]))
    return {"loss": 1 + (rate + 2) ** 2 + float(point["x"]), "size": float(point["layers"])}


def logs_of(table: TrialTable) -> dict[str, list[MetricEntry]]:
    return {
        name: [MetricEntry(BEGINNING, "loss", str(value + step)) for step in (2, 1, 0)]
        for name, value in zip(table.names, table.values, strict=True)
        if math.isfinite(value)
    }


def table(
    count: int, statuses: tuple[str, ...] = ("Succeeded",), type: str = "minimize"
) -> TrialTable:
    experiment = (
        an_experiment()
        .with_objective("loss", type, goal=0.5, additional=["size"])
        .with_parameter("lr", min="0.0001", max="1", distribution="logUniform")
        .with_parameter("x", min="0", max="1")
        .with_parameter("layers", "int", min="1", max="8")
        .with_parameter("optimizer", "categorical", list=["sgd", "adam"])
        .build()
    )
    return a_table(experiment, count, loss, statuses)


def a_strange_table() -> TrialTable:
    """Many parameters with long names, of many words or of one, and HTML in all of them."""
    builder = an_experiment().with_objective("<b>loss</b> " + "x" * 80, additional=["a & b"])
    for number in range(20):
        name = f"model.encoder.layers.{number}.attention<dropout>.probability"
        words = [f"a-rather-long-word-<{one}>" for one in range(1 if number % 2 else 40)]
        builder.with_parameter(name, "categorical", list=words)
    objective = "<b>loss</b> " + "x" * 80
    numbers = iter(range(1000))
    return a_table(builder.build(), 30, lambda _: {objective: next(numbers) % 7, "a & b": 1})


TABLES: dict[str, Callable[[], TrialTable]] = {
    "no trial": lambda: table(0),
    "one trial": lambda: table(1),
    "five trials": lambda: table(5),
    "failed trials": lambda: table(7, ("Failed", "Killed", "MetricsUnavailable")),
    "trials that have not begun": lambda: table(3, ("Pending",)),
    "trials of all kinds": lambda: table(40, ("Succeeded", "Failed", "EarlyStopped", "Running")),
    "strange names": a_strange_table,
    "a maximum": lambda: table(30, type="maximize"),
}


def points(figure: go.Figure) -> int:
    """How many points all traces have together; lines of parallel coordinates are one each."""
    return sum(
        len(trace.dimensions[0]["values"]) if trace.type == "parcoords" else len(trace.x)
        for trace in figure.data
        if trace.type not in ("contour", "heatmap")
    )


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("case", TABLES)
def test_every_plot_is_drawn_of(case: str, plot: str) -> None:
    figure = PLOTS[plot](TABLES[case]())
    assert figure.layout.title.text
    assert figure.layout.height >= 200
    assert figure.data or figure.layout.annotations[0].text
    assert figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
    assert figure.to_json()


@pytest.mark.parametrize("plot", PLOTS)
def test_a_plot_of_very_many_trials_is_no_burden(plot: str) -> None:
    figure = PLOTS[plot](table(5000, ("Succeeded", "Succeeded", "EarlyStopped", "Failed")))
    assert len(figure.to_json()) < 1_500_000
    assert points(figure) <= 16_000


@pytest.mark.parametrize("plot", [name for name in PLOTS if name != "timeline"])
def test_an_empty_plot_says_why(plot: str) -> None:
    figure = PLOTS[plot](table(3, ("Failed",)))
    assert not figure.data
    (told,) = figure.layout.annotations
    assert "no trial has" in told.text


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_the_history_has_a_trace_for_each_status_and_the_best() -> None:
    trials = table(40, ("Succeeded", "Failed", "EarlyStopped", "Running"))
    found = traces(plots.plot_history(trials))
    assert list(found) == ["Succeeded", "EarlyStopped", "without a value (10)", "best so far"]
    assert found["Succeeded"].x.tolist() == list(range(1, 41, 4))
    best = found["best so far"]
    assert (best.x[0], best.x[-1], best.y[-1]) == (1, 40, np.nanmin(trials.values))
    assert (np.diff(best.y) <= 0).all()
    assert "lr = " in found["Succeeded"].text[0]


def test_the_goal_is_in_the_history() -> None:
    figure = plots.plot_history(table(20))
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]
    assert figure.layout.annotations[0].text == "goal 0.5"
    assert figure.layout.yaxis.range[0] < 0.5


def test_a_value_that_is_far_off_does_not_hide_the_others() -> None:
    numbers = iter(range(100))
    experiment = an_experiment().build()
    losses = a_table(experiment, 100, lambda _: {"loss": (next(numbers) or 1e6) - 50})
    low, high = plots.plot_history(losses).layout.yaxis.range
    assert low < -49
    assert 49 < high < 400


def test_a_line_runs_through_the_objective_first_then_the_parameters() -> None:
    trials = table(20, ("Succeeded", "Failed"))
    (trace,) = plots.plot_parallel_coordinates(trials).data
    assert [one.label for one in trace.dimensions] == ["loss", "lr", "x", "layers", "optimizer"]
    objective, rate, _, _, words = trace.dimensions
    assert len(objective["values"]) == 10
    assert rate.ticktext == ("0.0001", "0.001", "0.01", "0.1", "1")
    np.testing.assert_allclose(rate.range, [-4, 0])
    assert (words.ticktext, words.range) == (("sgd", "adam"), (0, 1))
    # The best is drawn last, in the colour of the best.
    assert objective["values"][-1] == np.nanmin(trials.values)
    assert trace.line.color[-1] == trace.line.cmax == 1


def test_words_that_look_alike_when_they_are_shortened_are_told_apart() -> None:
    (trace,) = plots.plot_parallel_coordinates(a_strange_table()).data
    for dimension in trace.dimensions[1:]:
        assert len(set(dimension.ticktext)) == len(dimension.tickvals)


def test_of_many_trials_the_best_and_others_are_lines() -> None:
    figure = plots.plot_parallel_coordinates(table(3000))
    assert points(figure) == 500
    assert "3,000 trials" in figure.layout.title.subtitle.text


@pytest.mark.parametrize("plot", [plots.plot_parallel_coordinates, plots.plot_slice])
def test_parameters_can_be_chosen(plot: Callable[..., go.Figure]) -> None:
    figure = plot(table(9), ["layers", "lr"])
    text = figure.to_json()
    assert '"layers"' in text
    assert '"optimizer"' not in text
    with pytest.raises(UnknownNameError, match='unknown parameter "layer", did you mean "layers"'):
        plot(table(9), ["layer"])


def test_importances_are_bars_with_the_most_important_first() -> None:
    figure = plots.plot_importances(table(200))
    alone, together, _ = figure.data
    assert alone.customdata[0] == "lr"
    assert alone.x[0] > 0.7
    assert figure.layout.yaxis.ticktext[-1] == "several together"
    np.testing.assert_allclose(sum(alone.x) + together.x[0], 1)


def test_a_slice_has_a_place_for_each_parameter() -> None:
    figure = plots.plot_slice(table(30))
    assert len(figure.data) == 8
    titles = [figure.layout[f"xaxis{number or ''}"].title.text for number in (0, 2, 3, 4)]
    assert titles == ["lr", "x", "layers", "optimizer"]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis4.ticktext == ("sgd", "adam")


def test_a_map_shows_two_parameters() -> None:
    figure = plots.plot_contour(table(60), "x", "lr")
    assert [trace.type for trace in figure.data] == ["contour", "scatter", "scatter"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("x", "lr")
    assert figure.layout.yaxis.type == "log"
    assert plots.plot_contour(table(60), "optimizer").data[0].type == "heatmap"
    with pytest.raises(UnknownNameError, match='unknown parameter "y"'):
        plots.plot_contour(table(60), "y")


def test_a_map_is_of_the_most_important_parameters_when_none_are_named() -> None:
    layout = plots.plot_contour(table(200)).layout
    assert layout.xaxis.title.text == "lr"


def test_intermediate_values_are_lines_by_status() -> None:
    trials = table(12, ("Succeeded", "EarlyStopped", "Failed"))
    found = traces(plots.plot_intermediate_values(trials, logs_of(trials)))
    best = trials.names[trials.best_row or 0]
    assert list(found) == ["Succeeded", "EarlyStopped", f"best: {best}"]
    assert len(found["Succeeded"].x) == 4 * (3 + 1)
    assert found[f"best: {best}"].y[-1] == np.nanmin(trials.values)


def test_a_front_says_which_end_is_better() -> None:
    figure = plots.plot_pareto_front(table(50))
    assert figure.layout.xaxis.title.text == "loss (less is better)"
    others, front = figure.data
    assert len(others.x) + len(front.x) == 50
    assert (np.diff(front.x) >= 0).all()
    assert (np.diff(front.y) <= 0).all()


def test_a_front_of_three_metrics_has_depth() -> None:
    figure = plots.plot_pareto_front(table(10), ["loss", "size", "loss"])
    assert {trace.type for trace in figure.data} == {"scatter3d"}
    with pytest.raises(ValueError, match="metrics: found 1 names; two or three are expected"):
        plots.plot_pareto_front(table(10), ["loss"])


def test_experiments_are_compared_by_their_distributions() -> None:
    figure = plots.plot_edf(table(40), table(20))
    assert len(figure.data) == 2
    assert figure.layout.showlegend
    assert [trace.y[-1] for trace in figure.data] == [1, 1]
    assert "no experiment" in plots.plot_edf().layout.annotations[0].text


def test_a_timeline_has_as_many_lines_as_ran_at_once() -> None:
    figure = plots.plot_timeline(table(12, ("Succeeded", "Failed", "Pending")))
    found = traces(figure)
    assert list(found) == ["Succeeded (4)", "Failed (4)"]
    assert "at most 2 at once" in figure.layout.title.subtitle.text
    beginning = BEGINNING.timestamp() * 1000
    ends = (np.asarray(found["Succeeded (4)"].x[:2]) - beginning).tolist()
    assert ends[0] == 0
    assert 1800 < ends[1] < 2000
