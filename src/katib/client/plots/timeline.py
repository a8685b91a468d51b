"""When trials ran, and how they ended."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.slots import Slots, slots
from katib.client.plots.drawing import (
    STATUS_COLOURS,
    counted,
    empty_figure,
    go,
    new_figure,
    scatter,
)
from katib.client.trial_table import Floats, TrialTable

_TITLE = "Timeline"


def plot_timeline(table: TrialTable) -> go.Figure:
    """Each trial as a bar from its beginning to its end; as many lines as ran at once.

    Args:
        table: the trials.
    """
    found = slots(table)
    if not len(found.rows):
        return empty_figure(_TITLE, f"no trial of {table.experiment} has begun")
    width = int(found.slots.max()) + 1
    span = float(found.ended.max() - found.begun.min())
    told = f"{counted(len(found.rows))} in {_duration(span)}, at most {width} at once"
    figure = new_figure(_TITLE, told, height=int(np.clip(170 + 22 * width, 260, 700)))
    statuses = np.array([table.statuses[row] for row in found.rows])
    thickness = float(np.clip(360 / width, 2, 12))
    for status, colour in STATUS_COLOURS.items():
        places = np.flatnonzero(statuses == status)
        if len(places):
            figure.add_trace(_bars(found, table, places, colour, thickness))
    figure.update_xaxes(title="time (UTC)", type="date")
    figure.update_yaxes(visible=False, range=[-0.7, width - 0.3])
    return figure


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _drawn_ends(found: Slots) -> Floats:
    """A little before the true ones, so that bars lie apart, and far enough to be seen."""
    least = 0.002 * (found.ended.max() - found.begun.min() or 1.0)
    seconds = found.ended - found.begun
    return np.asarray(found.begun + np.maximum(seconds - np.minimum(least, seconds / 10), least))


def _bars(
    found: Slots,
    table: TrialTable,
    places: np.ndarray[tuple[int], np.dtype[np.intp]],
    colour: str,
    thickness: float,
) -> go.Scatter:
    """One trace for all bars of a status, with gaps between them."""
    count = len(places)
    times = np.full((count, 3), np.nan)
    times[:, 0], times[:, 1] = found.begun[places], _drawn_ends(found)[places]
    lines = np.repeat(found.slots[places].astype(np.float64), 3)
    seconds = found.ended[places] - found.begun[places]
    texts = [
        f"{table.names[found.rows[place]]}, {_duration(one)}"
        for place, one in zip(places, seconds, strict=True)
    ]
    status = table.statuses[found.rows[places[0]]]
    return scatter(count)(
        x=times.ravel() * 1000,
        y=lines,
        text=[line for text in texts for line in (text, text, "")],
        hovertemplate="%{text}<extra></extra>",
        mode="lines",
        line={"color": colour, "width": thickness},
        name=f"{status} ({count:,})",
    )
