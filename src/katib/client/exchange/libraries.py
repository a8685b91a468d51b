"""Loads libraries of others when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from katib.client.exchange.errors import MissingLibraryError

#: Library → the extra that brings it.
EXTRAS = {"mlflow": "mlflow", "optuna": "optuna", "pandas": "plots", "pyarrow": "parquet"}


def load_library(name: str, module: str = "") -> Any:
    """A library, or one of its modules.

    Args:
        name: of the library.
        module: of it, as ``pyarrow.parquet``; the library itself when it is left out.

    Raises:
        MissingLibraryError: it is not installed; the text says how it comes to be.
    """
    try:
        return import_module(module or name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise MissingLibraryError(name, EXTRAS[name]) from error
