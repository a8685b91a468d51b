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
    trials_of,
    visiting,
    wait_until_over,
)
from command_line import REPOSITORY, Katib
from playwright.sync_api import Browser, Page

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
    wait_until_over(looked_at, "digits", "broken")
    trial = trials_of(looked_at, "digits")[0]["metadata"]["name"]
    experiment = "/experiment/default/digits"
    tabs = [f"{experiment}?tab={tab}" for tab in _TABS]
    return ["/", "/new", *tabs, f"{experiment}/trial/{trial}", "/experiment/default/nowhere"]


def settle(page: Page) -> None:
    """Wait until a page has drawn what it knows, and nothing moves any more."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1200)


def grave_findings(page: Page, axe: str) -> Iterator[str]:
    page.evaluate(axe)
    for impact, rule, target, summary in page.evaluate(_RUN):
        if impact in GRAVE:
            yield f"{rule} ({impact}): {target}: {' '.join(summary.split())}"


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_grave(
    browser: Browser, ui: Ui, pages: Sequence[str], axe: str, is_dark: bool
) -> None:
    found: list[str] = []
    with visiting(browser, ui, is_dark=is_dark) as visit:
        for address in pages:
            page = visit.open(address)
            settle(page)
            assert page.evaluate("document.body.matches('.body--dark')") is is_dark
            found += [f"{address}: {one}" for one in grave_findings(page, axe)]
        found += _in_dialogs(visit, axe)
    assert not found, "\n".join(found)


def _in_dialogs(visit: Visit, axe: str) -> Iterator[str]:
    """What is found in what opens over a page, and at the door."""
    page = visit.open("/experiment/default/digits?tab=trials")
    settle(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").wait_for()
    page.wait_for_timeout(500)
    yield from (f"dialog: {one}" for one in grave_findings(page, axe))
    visit.page.context.clear_cookies()
    page = visit.open("/")
    yield from (f"door: {one}" for one in grave_findings(page, axe))
    visit.forgive()


@pytest.mark.parametrize("width", [380, 800])
def test_no_page_is_wider_than_the_window(
    browser: Browser, ui: Ui, pages: Sequence[str], width: int
) -> None:
    wide = {}
    with visiting(browser, ui, width=width) as visit:
        for address in pages:
            page = visit.open(address)
            settle(page)
            found = page.evaluate("document.documentElement.scrollWidth")
            if found > width:
                wide[address] = found
    assert wide == {}
