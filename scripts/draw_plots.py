#!/usr/bin/env python3
"""Draws every plot of an example as PNG, to be looked at: draw_plots.py FOLDER [TRIALS].

The pictures of docs/plots.md are its work, too, with 200 trials, or 30 where each is a line, and
then with fewer colours. Chromium renders them; scripts/chromium.sh installs it.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import Browser, Page, sync_playwright
from plotly.offline import get_plotlyjs

from katib.api.codec import format_time, to_manifest
from katib.api.values import Manifest
from katib.client import plots
from katib.client.trial_table import TrialTable
from katib.ports.observation_log import MetricEntry
from katib.search.space import SearchSpace
from katib.testing.builders import an_experiment

BEGINNING = datetime(2026, 3, 1, 9, tzinfo=UTC)
STEPS = 20

EXPERIMENT = (
    an_experiment()
    .named("digits")
    .with_objective("loss", goal=0.05, additional=["latency"])
    .with_parameter("learning-rate", min="0.0001", max="1", distribution="logUniform")
    .with_parameter("layers", "int", min="1", max="8")
    .with_parameter("batch-size", "discrete", list=["16", "32", "64", "128", "256"])
    .with_parameter("dropout", min="0", max="0.5")
    .with_parameter("optimizer", "categorical", list=["sgd", "adam", "lion"])
    .build()
)


def find_chromium() -> str | None:
    """The program, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A browser that nobody sees."""
    program = find_chromium()
    assert program is not None, "chromium is not installed; scripts/chromium.sh does so"
    # WebGL without a graphics card; and whoever runs this in a container may be root.
    flags = ["--no-sandbox", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags, timeout=120_000)
        yield browser
        browser.close()


@contextmanager
def a_page(width: int = 1000, colour: str = "white") -> Iterator[Page]:
    """A page of a browser that knows plotly; slow machines have their time."""
    with a_browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": 500})
        page.set_default_timeout(120_000)
        page.set_content(f'<body style="margin:0;background:{colour}"><div id="plot"></div>')
        page.add_script_tag(content=get_plotlyjs())
        yield page


def show(figure: go.Figure, page: Page) -> None:
    """Have a page show a figure, and nothing else.

    Args:
        figure: its height is that of its layout.
        page: of :func:`a_page`; its height is changed.
    """
    width = (page.viewport_size or {"width": 1000})["width"]
    page.set_viewport_size({"width": width, "height": figure.layout.height})
    page.evaluate(
        """text => {
          Plotly.purge("plot");
          const {data, layout} = JSON.parse(text);
          return Plotly.newPlot("plot", data, layout, {staticPlot: true}).then(() => null);
        }""",
        figure.to_json(),
    )


def an_example(count: int) -> tuple[TrialTable, Mapping[str, list[MetricEntry]]]:
    """Trials of a training that was never made, with their observation logs."""
    random = np.random.default_rng(count)
    space, logs, trials = SearchSpace.of(EXPERIMENT), {}, []
    free = [0.0] * 4
    for number in range(count):
        point = {one.name: one.value for one in space.assignments_at(random.random(5).tolist())}
        slot = int(np.argmin(free))
        begun, free[slot] = free[slot], free[slot] + random.uniform(20, 90)
        name = f"digits-{number:08x}"
        fate = random.random()
        status = "Failed" if fate < 0.04 else "EarlyStopped" if fate < 0.2 else "Succeeded"
        values = _training(point, random)[: 1 if status == "Failed" else 6 if fate < 0.2 else STEPS]
        logs[name] = [MetricEntry(BEGINNING, "loss", f"{value:.5f}") for value in values]
        metrics = {"loss": min(values), "latency": _latency(point, random)}
        begun_at, ended_at = (
            format_time(BEGINNING + timedelta(seconds=round(one))) for one in (begun, free[slot])
        )
        metadata = {"name": name, "creationTimestamp": begun_at, "resourceVersion": str(number)}
        found: Manifest = {
            "startTime": begun_at,
            "completionTime": ended_at,
            "conditions": [{"type": status, "status": "True", "reason": f"Trial{status}"}],
            "observation": _observation({} if status == "Failed" else metrics),
        }
        trials.append({"metadata": metadata, "spec": _spec(point), "status": found})
    return TrialTable.of(to_manifest(EXPERIMENT), trials), logs


def _training(point: Mapping[str, str], random: np.random.Generator) -> list[float]:
    rate, layers = math.log10(float(point["learning-rate"])), int(point["layers"])
    best = -2.5 if point["optimizer"] == "adam" else -1.5
    loss = 0.04 + 0.12 * (rate - best) ** 2 + 0.02 * (layers - 4) ** 2
    loss += 0.5 * (float(point["dropout"]) - 0.2) ** 2 + 0.01 * math.log2(int(point["batch-size"]))
    speed = 0.1 + 0.25 * random.random()
    noise = random.normal(0, 0.01, STEPS)
    return [abs(loss + 2 * math.exp(-speed * step) + noise[step]) + 1e-3 for step in range(STEPS)]


def _latency(point: Mapping[str, str], random: np.random.Generator) -> float:
    return float(3 + 2 * int(point["layers"]) ** 1.5 * (1 + 0.1 * random.random()))


def _spec(point: Mapping[str, str]) -> Manifest:
    return {"parameterAssignments": [{"name": key, "value": point[key]} for key in point]}


def _observation(metrics: Mapping[str, float]) -> Manifest:
    texts = {name: f"{value:.5f}" for name, value in metrics.items()}
    found = [{"name": name, "min": t, "max": t, "latest": t} for name, t in texts.items()]
    return {"metrics": found}


def draw(
    table: TrialTable, logs: Mapping[str, list[MetricEntry]]
) -> Iterator[tuple[str, go.Figure]]:
    """Every plot, by name."""
    yield "history", plots.plot_history(table)
    yield "parallel-coordinates", plots.plot_parallel_coordinates(table)
    yield "importances", plots.plot_importances(table)
    yield "slice", plots.plot_slice(table)
    yield "contour", plots.plot_contour(table)
    yield "intermediate-values", plots.plot_intermediate_values(table, logs)
    yield "pareto-front", plots.plot_pareto_front(table)
    yield "edf", plots.plot_edf(table)
    yield "timeline", plots.plot_timeline(table)


def main(folder: Path, count: int) -> None:
    """Draw them all."""
    with a_page() as page:
        for name, figure in draw(*an_example(count)):
            show(figure, page)
            page.screenshot(path=folder / f"{name}.png")
            print(folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
