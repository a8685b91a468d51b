"""Nobody is kept out of a page: axe-core looks at each, in light and dark, and none is too wide."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

import pytest
from browsing import (
    MARKS,
    Ui,
    Visit,
    a_reporting_experiment,
    create,
    settle,
    trials_of,
    visiting,
    wait_until_over,
)
from command_line import REPOSITORY, Katib
from playwright.sync_api import Browser, Page

from scripts.cheap_examples import NETWORKS, POPULATION, a_population, a_search_of_networks

pytestmark = MARKS

#: Of axe-core's findings, those that keep somebody from using a page.
GRAVE = ("serious", "critical")

#: The exit code of the script when axe-core cannot be had.
NOT_NOW = 75

_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    [rule.impact, rule.id, node.target.join(" "), node.failureSummary]));
}"""

_TABS = ("overview", "plots", "trials", "details", "yaml", "events")
_TRIAL_TABS = ("metrics", "log", "run", "events", "yaml")
_EVERY_PLOT = "history,parallel,importances,slices,contour,curves,pareto,timeline"


@pytest.fixture(scope="module")
def axe() -> str:
    """What a page runs to be looked at."""
    script = REPOSITORY / "scripts" / "axe.sh"
    got = subprocess.run([script], capture_output=True, text=True, check=False)
    if got.returncode == NOT_NOW:
        pytest.skip(f"axe-core cannot be had now: {got.stderr.strip()}")
    assert got.returncode == 0, got.stderr
    with open(got.stdout.strip(), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def pages(looked_at: Katib) -> Sequence[str]:
    """The addresses of all pages, of an experiment with trials of several fates."""
    create(looked_at, a_reporting_experiment("digits", trials=4))
    create(looked_at, a_reporting_experiment("broken", 1, "echo failing; exit 3"))
    create(looked_at, a_search_of_networks())
    create(looked_at, a_population())
    wait_until_over(looked_at, "digits", "broken", NETWORKS, POPULATION)
    digits = looked_at.get("experiment", "digits")["status"]
    first = digits["currentOptimalTrial"]["bestTrialName"]
    names = [one["metadata"]["name"] for one in trials_of(looked_at, "digits")]
    second = next(name for name in names if name != first)
    experiment = "/experiment/default/digits"
    trial = f"{experiment}/trial/{first}"
    return [
        "/",
        "/new",
        *(f"{experiment}?tab={tab}" for tab in _TABS),
        f"{experiment}?tab=plots&plots={_EVERY_PLOT}",
        f"/experiment/default/{NETWORKS}?tab=networks",
        f"/experiment/default/{POPULATION}?tab=population",
        *(f"{trial}?tab={tab}" for tab in _TRIAL_TABS),
        "/compare?experiment=default/digits&experiment=default/broken",
        f"/compare?trial=default/digits/{first}&trial=default/digits/{second}",
        "/experiment/default/nowhere",
    ]


def grave_findings(page: Page, axe: str) -> Iterator[str]:
    page.evaluate(axe)
    for impact, rule, target, summary in page.evaluate(_RUN):
        if impact in GRAVE:
            yield f"{rule} ({impact}): {target}: {' '.join(summary.split())}"


@pytest.mark.parametrize(("is_dark", "narrow"), [(False, 380), (True, 800)], ids=["light", "dark"])
def test_axe_finds_nothing_grave_and_no_page_is_too_wide(
    browser: Browser, ui: Ui, pages: Sequence[str], axe: str, is_dark: bool, narrow: int
) -> None:
    found: list[str] = []
    with visiting(browser, ui, is_dark=is_dark) as visit:
        for address in pages:
            page = visit.open(address)
            settle(page)
            assert page.evaluate("document.body.matches('.body--dark')") is is_dark
            found += [f"{address}: {one}" for one in grave_findings(page, axe)]
            page.set_viewport_size({"width": narrow, "height": 900})
            width = page.evaluate("document.documentElement.scrollWidth")
            found += [f"{address}: {width} wide, of {narrow}"] if width > narrow else []
            page.set_viewport_size({"width": 1280, "height": 900})
        found += _in_dialogs(visit, axe)
    assert not found, "\n".join(found)


def _in_dialogs(visit: Visit, axe: str) -> Iterator[str]:
    """What is found in what opens over a page, and at the door."""
    page = visit.open("/experiment/default/digits?tab=trials")
    settle(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").wait_for()
    settle(page)
    yield from (f"dialog: {one}" for one in grave_findings(page, axe))
    visit.page.context.clear_cookies()
    page = visit.open("/")
    yield from (f"door: {one}" for one in grave_findings(page, axe))
    visit.forgive()
