"""An experiment's trials as a data frame of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from katib.client.trial_table import TrialTable
from katib.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas


def to_dataframe(table: TrialTable) -> pandas.DataFrame:
    """A row for each trial, in the order of their creation.

    The columns are ``trial``, ``status``, ``started``, ``completed``, then the metrics, the
    objective first, then the parameters in the document's order. A name that is there already gets
    ``metric.`` or ``parameter.`` before it. Numbers are numbers, and categorical values texts.

    Args:
        table: the trials.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("data frames", "pandas", "plots") from error
    columns: dict[str, Any] = {
        "trial": list(table.names),
        "status": list(table.statuses),
        "started": pandas.Series(list(table.started), dtype="datetime64[us, UTC]"),
        "completed": pandas.Series(list(table.completed), dtype="datetime64[us, UTC]"),
    }
    for name, metric in table.metrics.items():
        columns[f"metric.{name}" if name in columns else name] = metric.values
    for name, parameter in table.parameters.items():
        label = f"parameter.{name}" if name in columns else name
        columns[label] = pandas.Series(list(parameter.values))
    return pandas.DataFrame(columns)
