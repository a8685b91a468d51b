"""What is drawn of a result, and the data frame of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from katib.api import codec
from katib.client.backend import Backend
from katib.ports.observation_log import NO_TIME, MetricEntry

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

    from katib.client.trial_table import TrialTable


class Pictures(ABC):
    """Figures of plotly and a data frame; all of them need ``pip install 'katib[plots]'``.

    Each raises ``MissingExtraError``, which is an ``ImportError``, where that is not installed.
    """

    namespace: str
    _backend: Backend

    @property
    @abstractmethod
    def table(self) -> TrialTable:
        """All trials as columns."""

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each trial: its name, status and times, then its metrics and parameters."""
        from katib.client.plots import to_dataframe

        return to_dataframe(self.table)

    def plot_history(self) -> Figure:
        """The value of each trial by its number, and the best so far."""
        from katib.client.plots import plot_history

        return plot_history(self.table)

    def plot_importances(self, seed: int = 0) -> Figure:
        """How much of what makes values differ is due to each parameter."""
        from katib.client.plots import plot_importances

        return plot_importances(self.table, seed)

    def plot_parallel_coordinates(self, parameters: Sequence[str] | None = None) -> Figure:
        """One line for each trial: the objective first, then the parameters."""
        from katib.client.plots import plot_parallel_coordinates

        return plot_parallel_coordinates(self.table, parameters)

    def plot_slice(self, parameters: Sequence[str] | None = None) -> Figure:
        """The objective by each parameter."""
        from katib.client.plots import plot_slice

        return plot_slice(self.table, parameters)

    def plot_contour(self, x: str | None = None, y: str | None = None) -> Figure:
        """The objective by two parameters."""
        from katib.client.plots import plot_contour

        return plot_contour(self.table, x, y)

    def plot_pareto_front(self, metrics: Sequence[str] | None = None) -> Figure:
        """Trials that are not beaten in every metric by another one."""
        from katib.client.plots import plot_pareto_front

        return plot_pareto_front(self.table, metrics)

    def plot_edf(self) -> Figure:
        """How large a part of the trials is as good as a value."""
        from katib.client.plots import plot_edf

        return plot_edf(self.table)

    def plot_timeline(self) -> Figure:
        """When each trial ran."""
        from katib.client.plots import plot_timeline

        return plot_timeline(self.table)

    def plot_intermediate_values(self, metric: str | None = None) -> Figure:
        """What trials reported on their way: of many, the best and some that stand for all."""
        from katib.client.analysis.curves import MOST_CURVES
        from katib.client.analysis.selection import representative
        from katib.client.plots import plot_intermediate_values

        table = self.table
        shown = [table.names[row] for row in representative(table.losses, MOST_CURVES)]
        logs = {name: self._read_log(name) for name in shown}
        return plot_intermediate_values(table, logs, metric)

    def _read_log(self, trial: str) -> Sequence[MetricEntry]:
        from katib.client.observation_log import read_entries

        return [
            MetricEntry(
                codec.parse_time(one.time_stamp) if one.time_stamp else NO_TIME,
                one.metric.name,
                one.metric.value,
            )
            for one in read_entries(self._backend, self.namespace, trial, None, _PATIENCE)
        ]


#: How long the log of one trial may take, in seconds.
_PATIENCE = 60.0
