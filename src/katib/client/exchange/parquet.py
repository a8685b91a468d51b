"""Trials as a Parquet file, by pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from katib.client.exchange.libraries import load_library
from katib.client.exchange.results import Results, columns_of
from katib.client.trial_table import Scalar


def write_parquet(results: Results, file: Path) -> None:
    """Write the columns of a flat table of trials.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pyarrow = load_library("pyarrow")
    columns = {name: _of_one_type(one) for name, one in columns_of(results.table).items()}
    load_library("pyarrow", "pyarrow.parquet").write_table(pyarrow.table(columns), str(file))


def _of_one_type(values: Sequence[Scalar | datetime]) -> list[Scalar | datetime]:
    """A column has numbers or texts, not both."""
    if not any(isinstance(one, str) for one in values):
        return list(values)
    return [None if one is None else str(one) for one in values]
