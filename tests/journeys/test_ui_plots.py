"""What is drawn of an experiment is worked with: brushed, clicked, switched on and off."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

import pytest
from browsing import (
    MARKS,
    Visit,
    a_reporting_experiment,
    create,
    drawn,
    heading,
    names_on,
    settle,
    trials_of,
    wait_until_over,
)
from command_line import Katib, wait_for
from playwright.sync_api import Locator, Page, expect

from scripts.cheap_examples import NETWORKS, POPULATION, a_population, a_search_of_networks

pytestmark = MARKS

#: How long is waited for what a page draws, in seconds.
SECONDS = 30.0

#: By the names in an address: what switches a plot on and off is called, and what is above it.
PLOTS = {
    "history": ("History", "Optimisation history"),
    "parallel": ("Parallel coordinates", "Parallel coordinates"),
    "importances": ("Importances", "Importance of parameters"),
    "slices": ("Slices", "Slices"),
    "contour": ("Contour", "Contour"),
    "curves": ("Intermediate values", "Intermediate values"),
    "pareto": ("Pareto front", "Pareto front"),
    "timeline": ("Timeline", "Timeline"),
}

#: Where a value lies on an axis of parallel coordinates.
_ON_AXIS = """([number, axis, value]) => {
  const element = document.querySelectorAll("[_echarts_instance_]")[number];
  const parallel = getElement(element).chart.getModel().getComponent("parallel");
  const box = element.getBoundingClientRect();
  const [x, y] = parallel.coordinateSystem.dataToPoint(value, parallel.dimensions[axis]);
  return [box.x + x, box.y + y];
}"""

#: Where a line passes, half way between its first two points.
_ON_LINE = """([number, id]) => {
  const element = document.querySelectorAll("[_echarts_instance_]")[number];
  const chart = getElement(element).chart;
  const line = chart.getOption().series.find(one => one.id === id);
  const place = point => chart.convertToPixel({seriesId: id}, point.value ?? point);
  const [[a, b], [c, d]] = line.data.slice(0, 2).map(place);
  const box = element.getBoundingClientRect();
  return [box.x + (a + c) / 2, box.y + (b + d) / 2];
}"""


@pytest.fixture(scope="module", autouse=True)
def experiments(looked_at: Katib) -> None:
    """One with numbers and words, a search of networks, and a population."""
    digits = a_reporting_experiment("digits")
    seed = {"name": "random_state", "value": "1"}
    digits["spec"]["algorithm"]["algorithmSettings"] = [seed]
    # A second metric, for those plots that need two.
    digits["spec"]["objective"]["additionalMetricNames"] = ["cost"]
    container = digits["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"]
    container["containers"][0]["command"][-1] += 'echo "cost=$x"\n'
    for one in (digits, a_search_of_networks(), a_population()):
        create(looked_at, one)
    wait_until_over(looked_at, "digits", NETWORKS, POPULATION)


def losses_of(katib: Katib) -> dict[str, float]:
    """The last loss of each trial, the best first."""
    found = {}
    for trial in trials_of(katib, "digits"):
        metrics = {one["name"]: one for one in trial["status"]["observation"]["metrics"]}
        found[str(trial["metadata"]["name"])] = float(metrics["loss"]["latest"])
    return dict(sorted(found.items(), key=lambda item: item[1]))


def button_of(page: Page, plot: str) -> Locator:
    """What switches a plot on and off."""
    shown = page.get_by_role("group", name="Plots that are shown")
    return shown.get_by_role("button", name=PLOTS[plot][0], exact=True)


def test_what_is_brushed_is_counted_and_leads_to_the_table(visit: Visit, looked_at: Katib) -> None:
    losses = losses_of(looked_at)
    lowest, _, third, fourth = list(losses.values())[:4]
    page = visit.open("/experiment/default/digits?tab=plots&plots=parallel")
    wait_for(lambda: len(drawn(page, 0)) == 6, "all trials are drawn", SECONDS)
    settle(page)
    begin_x, begin_y = page.evaluate(_ON_AXIS, [0, 0, lowest])
    end_x, end_y = page.evaluate(_ON_AXIS, [0, 0, (third + fourth) / 2])
    page.mouse.move(begin_x, begin_y + 5)
    page.mouse.down()
    page.mouse.move(end_x, end_y, steps=8)
    page.mouse.up()
    expect(page.get_by_text("Kept: 3 of 6 trials.")).to_be_visible()
    page.get_by_role("button", name="Show them in the table").click()
    expect(page.get_by_role("tab", name="Trials")).to_have_attribute("aria-selected", "true")
    expect(page.locator("tbody tr")).to_have_count(3)
    assert set(names_on(page)) == set(list(losses)[:3])
    asked = page.get_by_label("Filter", exact=True).input_value()
    assert re.fullmatch(r"loss>=\S+ loss<=\S+", asked)
    # It is the address's, too.
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_an_axis_that_is_clicked_keeps_all_again(visit: Visit, looked_at: Katib) -> None:
    lowest, second = list(losses_of(looked_at).values())[:2]
    page = visit.open("/experiment/default/digits?tab=plots&plots=parallel")
    wait_for(lambda: len(drawn(page, 0)) == 6, "all trials are drawn", SECONDS)
    settle(page)
    begin_x, begin_y = page.evaluate(_ON_AXIS, [0, 0, lowest])
    end_x, end_y = page.evaluate(_ON_AXIS, [0, 0, (lowest + second) / 2])
    page.mouse.move(begin_x, begin_y + 5)
    page.mouse.down()
    page.mouse.move(end_x, end_y, steps=8)
    page.mouse.up()
    expect(page.get_by_text("Kept: 1 of 6 trials.")).to_be_visible()
    # Between two lines: who clicks a line opens its trial.
    values = list(losses_of(looked_at).values())[1:]
    _, middle = max((after - before, (after + before) / 2) for before, after in pairwise(values))
    page.mouse.click(*page.evaluate(_ON_AXIS, [0, 0, middle]))
    expect(page.get_by_text("Drag along an axis")).to_be_visible()
    expect(page.get_by_role("button", name="Show them in the table")).to_have_count(0)


def test_a_line_that_is_clicked_opens_its_trial(visit: Visit, looked_at: Katib) -> None:
    # The worst one's line lies above all others.
    *_, worst = losses_of(looked_at)
    page = visit.open("/experiment/default/digits?tab=plots&plots=curves")
    wait_for(lambda: len(drawn(page, 0)) == 5, "the reports are drawn", SECONDS)
    settle(page)
    page.mouse.click(*page.evaluate(_ON_LINE, [0, worst]))
    heading(page, worst).wait_for()
    expect(page).to_have_url(re.compile(f"/experiment/default/digits/trial/{worst}$"))


def test_plots_are_switched_on_and_off_and_stand_in_the_address(visit: Visit) -> None:
    page = visit.open("/experiment/default/digits?tab=plots")
    by_default = ("history", "parallel", "importances", "slices")
    for name in PLOTS:
        pressed = str(name in by_default).lower()
        expect(button_of(page, name)).to_have_attribute("aria-pressed", pressed)
    assert "plots=" not in page.url.replace("tab=plots", "")
    for name in PLOTS:
        if name not in by_default:
            button_of(page, name).click()
            expect(button_of(page, name)).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("timeline"))
    assert unquote(page.url).endswith(f"&plots={','.join(PLOTS)}")
    page.reload()
    for _, title in PLOTS.values():
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    for name, (_, title) in PLOTS.items():
        button_of(page, name).click()
        expect(button_of(page, name)).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_role("heading", name=title, exact=True)).to_have_count(0)
    expect(page).to_have_url(re.compile("plots=none$"))
    page.reload()
    expect(button_of(page, "history")).to_have_attribute("aria-pressed", "false")
    button_of(page, "history").click()
    wait_for(lambda: len(drawn(page, 0)) == 6, "its history is drawn", SECONDS)


def test_a_search_of_networks_shows_each(visit: Visit, looked_at: Katib) -> None:
    best = looked_at.get("experiment", NETWORKS)["status"]["currentOptimalTrial"]["bestTrialName"]
    names = [str(one["metadata"]["name"]) for one in trials_of(looked_at, NETWORKS)]
    other = next(name for name in names if name != best)
    page = visit.open(f"/experiment/default/{NETWORKS}")
    expect(page.get_by_role("tab", name="Population")).to_have_count(0)
    page.get_by_role("tab", name="Architecture").click()
    picture = page.get_by_role("img", name=f"Network of trial {best}")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.naturalWidth") > 100
    page.get_by_label("Trial", exact=True).fill(other)
    page.get_by_role("option", name=other).click()
    expect(page.get_by_role("img", name=f"Network of trial {other}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"trial={other}$"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download SVG").click()
    assert download.value.suggested_filename == f"{other}.svg"
    assert download.value.path().read_text().startswith("<svg")
    page.get_by_role("link", name="Open the trial").click()
    heading(page, other).wait_for()


def test_a_population_shows_who_descends_from_whom(visit: Visit, looked_at: Katib) -> None:
    found = looked_at.get("experiment", POPULATION)["status"]["currentOptimalTrial"]
    best = str(found["bestTrialName"])
    page = visit.open(f"/experiment/default/{POPULATION}")
    expect(page.get_by_role("tab", name="Architecture")).to_have_count(0)
    page.get_by_role("tab", name="Population").click()
    wait_for(lambda: bool(drawn(page, 0)), "the lineage is drawn", SECONDS)
    expect(page.get_by_role("heading", name="Ancestors of the best trial")).to_be_visible()
    expect(page.get_by_role("link", name=best, exact=True)).to_be_visible()
    expect(page.locator("tbody tr").filter(has_text=best)).to_contain_text("lr = ")
    # A generation learns from the one before it, so that the best has ancestors.
    expect(page.locator("tbody tr").nth(2)).to_be_visible()
    page.get_by_role("link", name=best, exact=True).click()
    heading(page, best).wait_for()
