"""Plots are looked at in a real browser: each shows its trials, the few and the many."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from scripts.draw_plots import a_page, an_example, draw, find_chromium, show

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_chromium() is None, reason="there is no chromium: scripts/chromium.sh"),
]

#: Counts the pixels of a picture that have a colour: texts and lines between places have none.
_COUNT = """async address => {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, picture.width, picture.height).data;
  let count = 0;
  for (let place = 0; place < pixels.length; place += 4) {
    const colours = [pixels[place], pixels[place + 1], pixels[place + 2]];
    if (Math.max(...colours) - Math.min(...colours) > 50) count += 1;
  }
  return count;
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with a_page() as page:
        yield page


def coloured_pixels(page: Page, trials: int) -> dict[str, int]:
    """How many there are in each plot of so many trials; nothing may go wrong in the browser."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found: dict[str, int] = {}
    for name, figure in draw(*an_example(trials)):
        show(figure, page)
        picture = base64.b64encode(page.screenshot()).decode()
        found[name] = page.evaluate(_COUNT, f"data:image/png;base64,{picture}")
    assert errors == []
    return found


@pytest.mark.parametrize(("trials", "least"), [(5, 60), (5000, 1000)])
def test_every_plot_shows_its_trials(page: Page, trials: int, least: int) -> None:
    counts = coloured_pixels(page, trials)
    assert len(counts) == 9
    assert {name: count for name, count in counts.items() if count < least} == {}


def test_an_empty_plot_has_no_colour(page: Page) -> None:
    assert set(coloured_pixels(page, 0).values()) == {0}
