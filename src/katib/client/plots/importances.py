"""Which parameters matter, as bars."""

from __future__ import annotations

from collections.abc import Sequence

from katib.client.analysis.importances import Importances, Share, importances
from katib.client.plots.drawing import (
    PALE,
    TEXT,
    TRIAL,
    counted,
    empty_figure,
    go,
    label,
    new_figure,
    why_empty,
)
from katib.client.trial_table import TrialTable

_TITLE = "Importances of parameters"
_TOGETHER = "several together"
_MOST_BARS = 20
_MOST_PAIRS = 5


def plot_importances(table: TrialTable, seed: int = 0) -> go.Figure:
    """How much of the objective's variance each parameter explains, by functional ANOVA.

    The last bar is what only several parameters together explain. The thin lines are the deviation
    between the trees of the forest that estimates it: where they are long, more trials are needed.

    Args:
        table: the trials.
        seed: of the forest.
    """
    found = importances(table, seed)
    if not found.trials:
        return empty_figure(_TITLE, why_empty(table))
    if not any(share.mean for share in found.parameters.values()):
        told = f"too little to tell which parameters matter: {counted(found.trials)} with a value"
        return empty_figure(_TITLE, told)
    bars = list(found.parameters.items())[:_MOST_BARS]
    told = f"share of the objective's variance, by {counted(found.trials)}"
    if len(bars) < len(found.parameters):
        told += f"; {len(bars)} of {len(found.parameters)} parameters"
    figure = new_figure(_TITLE, told, height=160 + 26 * (len(bars) + 1))
    figure.add_trace(_alone(bars))
    figure.add_trace(_together(found, len(bars)))
    figure.add_trace(_numbers([*bars, (_TOGETHER, Share(found.rest, 0.0))]))
    figure.update_layout(showlegend=False, bargap=0.35)
    labels = [*(label(name, 40) for name, _ in bars), _TOGETHER]
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        autorange="reversed",
        showgrid=False,
        ticks="outside",
        tickcolor="rgba(0, 0, 0, 0)",
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02 * max(found.rest, *map(_end, bars))])
    return figure


def _end(bar: tuple[str, Share]) -> float:
    """Where a bar, its line and its number end."""
    return min(bar[1].mean + bar[1].deviation, 1.0) + 0.12


def _alone(bars: Sequence[tuple[str, Share]]) -> go.Bar:
    shares = [share for _, share in bars]
    below = [min(share.deviation, share.mean) for share in shares]
    above = [min(share.deviation, 1 - share.mean) for share in shares]
    return go.Bar(
        y=list(range(len(bars))),
        x=[share.mean for share in shares],
        error_x={
            "array": above,
            "arrayminus": below,
            "symmetric": False,
            "color": PALE,
            "thickness": 1.5,
            "width": 3,
        },
        orientation="h",
        marker={"color": TRIAL},
        customdata=[name for name, _ in bars],
        hovertemplate="<b>%{customdata}</b><br>%{x:.1%} alone<extra></extra>",
    )


def _numbers(bars: Sequence[tuple[str, Share]]) -> go.Scatter:
    """The shares in words, beyond the bars and their lines."""
    return go.Scatter(
        x=[min(share.mean + share.deviation, 1.0) for _, share in bars],
        y=list(range(len(bars))),
        text=[f"  {_percent(share.mean)}" for _, share in bars],
        textposition="middle right",
        textfont={"color": TEXT},
        mode="text",
        hoverinfo="skip",
        cliponaxis=False,
    )


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def _together(found: Importances, place: int) -> go.Bar:
    pairs = list(found.pairs.items())[:_MOST_PAIRS]
    lines = [f"{one} and {other}: {share.mean:.1%}" for (one, other), share in pairs]
    return go.Bar(
        y=[place],
        x=[found.rest],
        orientation="h",
        marker={"color": PALE},
        hovertemplate="<br>".join(["<b>several together</b> %{x:.1%}", *lines]) + "<extra></extra>",
    )
