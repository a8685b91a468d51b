"""Names → implementations, imported only when asked for.

A room keeps one table of lazy strings (``"tpe": "katib.search.algorithms.tpe:TPE"``), so that an
optional dependency stays optional and no import arrow appears. Other packages register through
entry points of the same group, with no lesser rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from katib.errors import UnknownNameError

T = TypeVar("T")


class _Entry(Protocol):
    """An entry point."""

    def load(self) -> Any: ...


class Registry(Generic[T]):
    """One table of implementations of one port.

    Args:
        what: the noun used in errors, as ``algorithm``.
        group: the entry point group that other packages use, as ``katib.algorithms``.
        built_in: our own entries, name → ``module:attribute``.
    """

    def __init__(self, what: str, group: str, built_in: Mapping[str, str]) -> None:
        self._what, self._group = what, group
        self._built_in = dict(built_in)
        self._foreign: dict[str, _Entry] | None = None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._built_in, *self._plugins()}))

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._plugins()

    def load(self, name: str) -> type[T]:
        """The implementation registered under ``name``.

        Raises:
            UnknownNameError: there is none; the message lists the known names.
        """
        if name in self._built_in:
            module, _, attribute = self._built_in[name].partition(":")
            found: Any = getattr(import_module(module), attribute)
        elif name in self._plugins():
            found = self._plugins()[name].load()
        else:
            raise UnknownNameError(self._what, name, self)
        implementation: type[T] = found
        return implementation

    def _plugins(self) -> dict[str, _Entry]:
        if self._foreign is None:
            # What reads packages is loaded by those who ask for them.
            from importlib.metadata import entry_points

            self._foreign = {entry.name: entry for entry in entry_points(group=self._group)}
        return self._foreign
