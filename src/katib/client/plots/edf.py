"""Which share of the trials is at least so good."""

from __future__ import annotations

import numpy as np

from katib.client.analysis.axes import is_wide
from katib.client.analysis.distribution import distribution
from katib.client.plots.drawing import (
    BEST,
    STATUS_COLOURS,
    TRIAL,
    counted,
    empty_figure,
    go,
    label,
    new_figure,
    why_empty,
)
from katib.client.trial_table import TrialTable

_TITLE = "Distribution of the objective"
_COLOURS = (TRIAL, BEST, *list(STATUS_COLOURS.values())[1:])


def plot_edf(*tables: TrialTable) -> go.Figure:
    """The share of trials that are at least so good, over the objective's values.

    Args:
        tables: one experiment, or several to compare.
    """
    found = [(table, distribution(table)) for table in tables]
    found = [(table, one) for table, one in found if one.count]
    if not found:
        why = why_empty(tables[0]) if tables else "no experiment is given"
        return empty_figure(_TITLE, why)
    count = sum(one.count for _, one in found)
    figure = new_figure(_TITLE, f"{counted(count)} with a value")
    for number, (table, one) in enumerate(found):
        figure.add_trace(
            go.Scatter(
                x=one.values,
                y=one.shares,
                mode="lines+markers" if len(one.values) < 30 else "lines",
                line={
                    "shape": "vh" if table.is_maximised else "hv",
                    "color": _COLOURS[number % len(_COLOURS)],
                    "width": 2,
                },
                name=label(table.experiment, 40),
                hovertemplate="%{y:.1%} are at least as good as %{x:.6~g}",
            )
        )
    metrics = dict.fromkeys(table.objective.objective_metric_name for table, _ in found)
    wide = is_wide(np.concatenate([one.values for _, one in found]))
    figure.update_xaxes(
        title=" / ".join(label(name, 30) for name in metrics), type="log" if wide else "linear"
    )
    figure.update_yaxes(title="share of trials", tickformat=".0%", range=[0, 1.02])
    figure.update_layout(showlegend=len(found) > 1)
    return figure
