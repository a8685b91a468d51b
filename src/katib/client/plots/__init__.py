"""Plots of an experiment's trials with plotly, and a data frame of pandas.

Each module draws one plot of a :class:`~katib.client.trial_table.TrialTable` from what ``analysis``
has found out, and decides nothing itself; ``drawing`` is what they have in common. Both libraries
come with the extra ``plots``: without it, importing this package raises an error that says so.
"""

from katib.client.plots.contour import plot_contour
from katib.client.plots.edf import plot_edf
from katib.client.plots.frame import to_dataframe
from katib.client.plots.history import plot_history
from katib.client.plots.importances import plot_importances
from katib.client.plots.intermediate_values import plot_intermediate_values
from katib.client.plots.parallel_coordinates import plot_parallel_coordinates
from katib.client.plots.pareto_front import plot_pareto_front
from katib.client.plots.slice import plot_slice
from katib.client.plots.timeline import plot_timeline

__all__ = [
    "plot_contour",
    "plot_edf",
    "plot_history",
    "plot_importances",
    "plot_intermediate_values",
    "plot_parallel_coordinates",
    "plot_pareto_front",
    "plot_slice",
    "plot_timeline",
    "to_dataframe",
]
