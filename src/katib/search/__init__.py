"""The mathematics: search spaces, search algorithms, early stopping rules.

Everything here is pure: settings, a seed and the trials so far come in, assignments go out; the
same input gives the same output. Nothing here reads a clock, a file or a network, or knows how it
is asked (``suggesters``), where trials are kept (``stores``) or how they run (``executors``). It
may know the words of ``api``, their ``models`` and the reply of ``ports.suggester``.

Users' programs know this package for the functions of ``declarations``: ``katib.search.double`` and
its like.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from katib.search.declarations import categorical, discrete, double, int

__all__ = ["categorical", "discrete", "double", "int"]


def __getattr__(name: str) -> Any:
    """A function of ``declarations``, which is loaded by those who declare."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.declarations"), name)


def __dir__() -> list[str]:
    """What this package has, and what programs declare with."""
    return sorted({*globals(), *__all__})
