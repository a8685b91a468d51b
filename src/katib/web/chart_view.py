"""A chart of ECharts on a page."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Importing it tells browsers where ECharts is.
import nicegui.elements.echart
from nicegui import ui
from nicegui.element import Element

from katib.web.charts.styling import THEME, Options

#: The parts of a chart of which one more or one less cannot be merged into what is drawn.
_PARTS = ("series", "xAxis", "yAxis", "parallelAxis", "visualMap", "legend")


#: Where NiceGUI keeps ECharts: a module, and what that imports.
_MODULES = Path(nicegui.elements.echart.__file__).parent / "dist"
_FILES = ("index.js", *re.findall(r'from"\./([^"]+)"', (_MODULES / "index.js").read_text()))

_PRELOAD = f"""<script>{{
  const imports = JSON.parse(document.querySelector("script[type=importmap]").textContent).imports;
  for (const file of {json.dumps(_FILES)}) {{
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = imports["nicegui-echart/"] + file;
    document.head.append(link);
  }}
}}</script>"""


def preload() -> None:
    """Let browsers fetch what draws charts together with the page that will have some."""
    ui.add_head_html(_PRELOAD)


class ChartView(Element, component="chart_view.js"):
    """What a browser draws of options.

    It tells ``open`` with the ``names`` that a click may have meant, the likeliest first, and
    ``brush`` with the ``axis`` of parallel coordinates and the ``intervals`` that are kept there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._props["theme"] = THEME
        self._props["options"] = {}
        self._props["shape"] = ""

    @property
    def options(self) -> Options:
        """What is drawn."""
        found: Options = self._props["options"]
        return found

    def show(self, options: Options) -> None:
        """Draw it; nothing happens when it is what is drawn already."""
        if options != self.options:
            self._props["options"] = options
            self._props["shape"] = json.dumps(_shape(options))
            self.update()


def _shape(options: Options) -> object:
    """What must be the same for a chart to be changed rather than made anew."""
    return [
        (part, one.get("type"), "" if part == "series" else one.get("name"))
        for part in _PARTS
        for one in _listed(options.get(part))
    ]


def _listed(parts: Any) -> Sequence[Options]:
    if isinstance(parts, list):
        return parts
    return [parts] if parts else []
