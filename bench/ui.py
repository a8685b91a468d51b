"""How quick is the web UI with an experiment of 10,000 trials, five parameters and 200,000 reports?

A real browser opens pages and says when it has drawn them; in turns with a page of NiceGUI that is
empty, which no page of ours can be quicker than, and with Optuna's dashboard showing a study of the
same trials. Prints a Markdown table of medians.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import psutil
from playwright.sync_api import Browser, Page, TimeoutError

from bench.served import serving
from bench.ui_trials import NAME, backend_of, fill_home, fill_storage
from katib.client.study import Study
from scripts.draw_plots import a_browser

HERE = Path(__file__).resolve().parent

#: How many browsers look at once when memory is measured.
VISITORS = 20

#: How long anything may take, in milliseconds.
LONGEST = 120_000

#: A plot has been drawn when it has so many points or lines; there are more with any size measured.
LINES = 80

#: What Optuna's dashboard is measured with.
PACKAGES = ("optuna==4.6.0", "optuna-dashboard==0.20.0")

_PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""

#: When a page shows something, in milliseconds since it was asked for; nothing before.
_ROWS = """count => document.querySelectorAll("tbody a.katib-link").length >= count
  && performance.now()"""
_LINES = """([number, count]) => {
  const element = document.querySelectorAll("[_echarts_instance_]")[number];
  const chart = element && getElement(element).chart;
  const canvas = element && element.querySelector("canvas");
  const series = chart && chart.getOption().series[0];
  if (!canvas || !series || series.data.length < count) return false;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some(one => one) && performance.now();
}"""
_PLOTLY = """() => document.querySelectorAll(".js-plotly-plot .scatterlayer .point").length > 100
  && performance.now()"""

#: Where the axes of a parallel plot are, and how high they are.
_AXES = """number => {
  const element = document.querySelectorAll("[_echarts_instance_]")[number];
  const parallel = getElement(element).chart.getModel().getComponent("parallel").coordinateSystem;
  const box = element.getBoundingClientRect();
  const rect = parallel.getRect();
  const axes = parallel.dimensions.map(one => parallel.getAxisLayout(one).position[0]);
  return {axes: axes.map(x => box.x + x), top: box.y + rect.y, height: rect.height};
}"""

_FRAMES = """() => {
  window.frames_ = [];
  const note = time => { window.frames_.push(time); window.rest_ = requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""
_FRAMES_END = "() => { cancelAnimationFrame(window.rest_); return window.frames_; }"

#: Notes when a page shows a text.
_NOTICE = """text => {
  window.shownAt = 0;
  const look = () => {
    if (!document.body.innerText.includes(text)) return requestAnimationFrame(look);
    window.shownAt = Date.now();
  };
  look();
}"""


@dataclass
class Figures:
    """What was measured, by its name, in milliseconds or MB."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)
        print(f"{name}: {value:.0f}", file=sys.stderr)

    def of(self, name: str) -> float:
        return median(self.values[name])


@dataclass(frozen=True)
class Place:
    """Where something is served."""

    address: str
    process: subprocess.Popen[bytes]
    token: str = ""


@contextmanager
def a_ui(home: Path) -> Iterator[Place]:
    """``katib ui`` of a home."""
    environment = {**os.environ, "KATIB_HOME": str(home)}
    words = [sys.executable, "-m", "katib", "ui", "--port", "0"]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    found = re.search(rb"(http://\S+)/\?token=(\S+)", process.stdout.readline())
    assert found is not None
    yield from _served(Place(found[1].decode(), process, found[2].decode()))


@contextmanager
def a_program(words: Sequence[str], port: int, path: str = "/") -> Iterator[Place]:
    """Anything that answers at a port of this machine."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place = Place(f"http://127.0.0.1:{port}", process)
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{place.address}{path}", timeout=60).read()
            break
        except OSError:
            assert time.monotonic() < deadline, words
            assert process.poll() is None, words
            time.sleep(0.1)
    yield from _served(place)


def _served(place: Place) -> Iterator[Place]:
    try:
        yield place
    finally:
        place.process.terminate()
        place.process.wait()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
    return port


@contextmanager
def a_page(browser: Browser, place: Place) -> Iterator[Page]:
    """A page of a new profile, which has nothing in its cache and has been let in."""
    with closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        context.set_default_timeout(LONGEST)
        if place.token:
            context.request.get(f"{place.address}/?token={place.token}")
        yield context.new_page()


def seen(page: Page, script: str, value: object = None) -> float:
    """When a page shows something, in milliseconds since it was asked for."""
    found: float = page.wait_for_function(script, arg=value, polling="raf").json_value()
    return found


def measure_paints(browser: Browser, place: Place, path: str, name: str, figures: Figures) -> None:
    with a_page(browser, place) as page:
        page.goto(f"{place.address}{path}")
        figures.note(name, seen(page, _PAINT))


def measure_pages(browser: Browser, ui: Place, figures: Figures) -> None:
    """The experiment's page: its first paint, its table, its plots."""
    experiment = f"{ui.address}/experiment/default/{NAME}"
    with a_page(browser, ui) as page:
        page.goto(f"{experiment}?tab=trials")
        figures.note("table", seen(page, _ROWS, 25))
        figures.note("paint", page.evaluate(_PAINT))
        begun = page.evaluate("performance.now()")
        page.get_by_role("tab", name="Plots").click()
        figures.note("parallel", seen(page, _LINES, [1, LINES]) - begun)
        figures.note("brush", brush(page, 1))
        begun = page.evaluate("performance.now()")
        page.get_by_role("tab", name="Trials").click()
        page.get_by_role("columnheader", name="loss").click()
        page.locator("th.sorted").wait_for()
        page.get_by_label("best trial").wait_for()
        figures.note("sorted", page.evaluate("performance.now()") - begun)
    with a_page(browser, ui) as page:
        page.goto(f"{experiment}?tab=plots")
        figures.note("plots", seen(page, _LINES, [0, LINES]))


def brush(page: Page, chart: int) -> float:
    """How long nineteen of twenty frames take at most while an area is drawn on an axis."""
    page.locator("[_echarts_instance_]").nth(chart).scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    place = page.evaluate(_AXES, chart)
    x = place["axes"][1]
    return _slowest(page, lambda share: (x, place["top"] + place["height"] * share))


def _slowest(page: Page, at: Callable[[float], tuple[float, float]]) -> float:
    page.mouse.move(*at(0.2))
    page.evaluate(_FRAMES)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(*at(0.2 + 0.6 * step / 60))
    page.mouse.up()
    times: list[float] = page.evaluate(_FRAMES_END)
    gaps = [after - before for before, after in pairwise(times)]
    return quantiles(gaps, n=20)[-1]


def measure_updates(browser: Browser, ui: Place, home: Path, figures: Figures) -> None:
    """How long after a trial has ended its value stands in the table."""
    with closing(backend_of(home)) as backend, a_page(browser, ui) as page:
        study = Study(name=NAME, backend=backend)
        page.goto(f"{ui.address}/experiment/default/{NAME}?tab=trials")
        seen(page, _ROWS, 25)
        trial = study.ask()
        assert trial is not None
        value = round(0.5 + time.time() % 1e4 / 1e6, 6)
        page.evaluate(_NOTICE, f"{value:.6g}")
        study.tell(trial, value)
        told = time.time() * 1000
        page.wait_for_function("window.shownAt > 0", polling="raf")
        figures.note("update", page.evaluate("window.shownAt") - told)


def measure_memory(browser: Browser, ui: Place, figures: Figures) -> None:
    """What the UI's process holds while many look at the plots, each in a profile of its own."""
    server = psutil.Process(ui.process.pid)
    figures.note("memory, nobody", server.memory_info().rss / 1e6)
    with ExitStack() as stack:
        for _ in range(VISITORS):
            page = stack.enter_context(a_page(browser, ui))
            page.goto(f"{ui.address}/experiment/default/{NAME}?tab=plots")
            seen(page, _LINES, [1, LINES])
        time.sleep(2)
        figures.note("memory", server.memory_info().rss / 1e6)


def measure_dashboard(browser: Browser, dashboard: Place, figures: Figures) -> None:
    """Optuna's page of the study: its first paint, and its history."""
    with a_page(browser, dashboard) as page:
        page.goto(f"{dashboard.address}/dashboard/studies/1")
        figures.note("dashboard paint", seen(page, _PAINT))
        try:
            figures.note("dashboard plots", seen(page, _PLOTLY))
        except TimeoutError:
            figures.note("dashboard plots", math.inf)


#: What is told: a name, what it is, what it should stay below, and in what unit.
_LINES_TOLD = (
    ("empty", "an empty page of NiceGUI, first paint", None, "ms"),
    ("paint", "the experiment's page, first paint", 1000, "ms"),
    ("table", "its table of trials stands there", 2000, "ms"),
    ("plots", "its first plot stands there", 2000, "ms"),
    ("parallel", "parallel coordinates, after a click on Plots", 1500, "ms"),
    ("sorted", "the table sorted by loss, after two clicks", None, "ms"),
    ("brush", "a frame while brushing, 95 of 100", None, "ms"),
    ("update", "a value in the table after its trial was told", 1000, "ms"),
    ("memory, nobody", "memory of the UI's process, with one page seen", None, "MB"),
    ("memory", f"the same with {VISITORS} browsers at the plots", 400, "MB"),
    ("dashboard paint", "Optuna's dashboard, first paint", None, "ms"),
    ("dashboard plots", "its history stands there", None, "ms"),
)


def tell(figures: Figures, trials: int) -> None:
    load = os.getloadavg()[0]
    print(f"{trials:,} trials; load of the machine at the end: {load:.1f}\n")
    print("| | median | least | most | budget |\n|---|---:|---:|---:|---:|")
    for name, title, budget, unit in _LINES_TOLD:
        if values := figures.values.get(name):
            least, most = min(values), max(values)
            limit = f"{budget:,} {unit}" if budget else ""
            told = [_worded(one) for one in (figures.of(name), least, most)]
            print(f"| {title} | {told[0]} {unit} | {told[1]} | {told[2]} | {limit} |")


def _worded(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else f"more than {LONGEST:,}"


def find_dashboard() -> str | None:
    """The Python of an environment with Optuna's dashboard; ``None`` when it cannot be had."""
    script = HERE.parent / "scripts" / "make_environment.sh"
    made = subprocess.run([script, "dashboard", *PACKAGES], stdout=subprocess.PIPE, text=True)
    return made.stdout.strip() if made.returncode == 0 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-optuna", action="store_true")
    options = parser.parse_args()
    folder = HERE.parent / ".cache" / "bench-ui"
    folder.mkdir(parents=True, exist_ok=True)
    home, figures = folder / f"home-{options.trials}", Figures()
    fill_home(home, options.trials)
    with ExitStack() as stack:
        stack.enter_context(serving(home))
        ui = stack.enter_context(a_ui(home))
        port = free_port()
        words = [sys.executable, str(HERE / "ui_empty.py"), str(port)]
        empty = stack.enter_context(a_program(words, port))
        python = None if options.without_optuna else find_dashboard()
        dashboard = None
        if python is not None:
            url, port = fill_storage(python, folder, options.trials), free_port()
            program = str(Path(python).with_name("optuna-dashboard"))
            words = [program, url, "--port", str(port)]
            dashboard = stack.enter_context(a_program(words, port, "/dashboard"))
        browser = stack.enter_context(a_browser())
        with a_page(browser, ui) as page:
            # What is read from the server once is read before.
            page.goto(f"{ui.address}/experiment/default/{NAME}?tab=trials")
            seen(page, _ROWS, 25)
        for _ in range(options.rounds):
            measure_paints(browser, empty, "/", "empty", figures)
            measure_pages(browser, ui, figures)
            measure_updates(browser, ui, home, figures)
            if dashboard is not None:
                measure_dashboard(browser, dashboard, figures)
        measure_memory(browser, ui, figures)
    tell(figures, options.trials)


if __name__ == "__main__":
    main()
