"""What an architecture search has found: the network of the best trial, or of any other."""

from __future__ import annotations

import base64

import msgspec
import numpy as np
from nicegui import ui

from katib.client.analysis.architecture import NoArchitectureError, draw_architecture
from katib.client.trial_table import TrialTable
from katib.web import looks
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import computed

#: More trials than this are not offered: the best ones are.
_MOST_OFFERED = 500


class Networks:
    """The tab of the architectures."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._drawn = self._shown = ""

    def build(self) -> None:
        """Make what does not change."""
        with ui.row().classes("items-center gap-2"):
            self._trial = (
                ui.select({}, label="Trial", with_input=True, on_change=self._choose)
                .props("dense outlined options-dense")
                .style("min-width: 18rem")
            )
            self._open = ui.link("Open the trial", "").classes("katib-link")
            self._save = ui.button("Download SVG", icon="download", on_click=self._download).props(
                "flat dense no-caps"
            )
        self._words = ui.label().props("role=status")
        with ui.element("div").classes("w-full").style("overflow: auto").props("tabindex=0"):
            self._picture = ui.html("", sanitize=False)
        self._save.set_visibility(False)
        self._open.set_visibility(False)

    async def draw(self) -> None:
        """Draw the chosen trial's network, when there is news."""
        table = await computed(self._subject.table)
        if table is None:
            return
        offered = _offered(table)
        if not offered:
            self._words.set_text("No trial has ended yet.")
            return
        if self._trial.options != offered:
            wanted = self._subject.query.find("trial")
            # Who has chosen none follows the best.
            self._shown = wanted if wanted in offered else next(iter(offered))
            self._trial.set_options(offered, value=self._shown)
        await self._draw()

    async def _choose(self) -> None:
        best = next(iter(self._trial.options), "")
        chosen = str(self._trial.value or "")
        # What was not the visitor's choice is drawn already.
        if not chosen or chosen == self._shown:
            return
        self._shown = chosen
        self._subject.query.put(trial="" if chosen == best else chosen)
        await self._draw()

    async def _draw(self) -> None:
        name = self._shown
        trial = self._subject.find_trial(name)
        if trial is None:
            return
        self._open.props(f'href="{self._subject.trial_path(name)}"')
        self._open.set_visibility(True)
        try:
            self._drawn = await computed(draw_architecture, trial)
        except (NoArchitectureError, msgspec.ValidationError) as error:
            self._drawn = ""
            self._words.set_text(str(error))
        else:
            self._words.set_text("")
        self._save.set_visibility(bool(self._drawn))
        self._picture.set_content(_image(self._drawn, name) if self._drawn else "")

    def _download(self) -> None:
        name = f"{self._shown}.svg"
        ui.download.content(self._drawn, name, "image/svg+xml")


def _image(svg: str, trial: str) -> str:
    # As an image of its own, so that its styles are not the page's.
    data = base64.b64encode(svg.encode()).decode()
    # A drawing that is wider than the screen is moved, not shrunk until nobody can read it.
    return (
        f'<img src="data:image/svg+xml;base64,{data}" alt="Network of trial {trial}" '
        'class="katib-drawing" style="max-width: none">'
    )


def _offered(table: TrialTable) -> dict[str, str]:
    """Names of trials and what is said of them, the best first."""
    order = np.argsort(table.losses, kind="stable")[:_MOST_OFFERED]
    return {table.names[row]: _label(table, row) for row in order.tolist()}


def _label(table: TrialTable, row: int) -> str:
    value = float(table.values[row])
    told = looks.number(value) if np.isfinite(value) else table.statuses[row]
    return f"{table.names[row]} ({told})"
