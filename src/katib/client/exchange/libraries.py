"""Loads libraries of others when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from katib.errors import MissingExtraError

#: Library → what needs it, and the extra that brings it.
EXTRAS = {
    "mlflow": ("runs of MLflow", "mlflow"),
    "optuna": ("storages of Optuna", "optuna"),
    "pyarrow": ("Parquet files", "parquet"),
}


def load_library(name: str, module: str = "") -> Any:
    """A library, or one of its modules.

    Args:
        name: of the library.
        module: of it, as ``pyarrow.parquet``; the library itself when it is left out.

    Raises:
        MissingExtraError: it is not installed; the text says how it comes to be.
    """
    try:
        return import_module(module or name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        what, extra = EXTRAS[name]
        raise MissingExtraError(what, name, extra) from error
