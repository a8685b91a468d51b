"""Where in a document a widget's value stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from katib.api.values import Manifest
from katib.web.pages.create.document import Path, format_path, read, read_list, write


class Place(Protocol):
    """Where a value stands."""

    def read(self, document: Manifest) -> Any:
        """What stands there; ``None`` for nothing."""
        ...

    def write(self, document: Manifest, value: Any) -> Manifest:
        """The document with another value there; ``None`` removes it."""
        ...

    def path(self, document: Manifest) -> str:
        """As admission names it."""
        ...


@dataclass(frozen=True, slots=True)
class At:
    """A field.

    Attributes:
        way: to it.
    """

    way: Path

    def read(self, document: Manifest) -> Any:
        """See :class:`Place`."""
        return read(document, self.way)

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`Place`."""
        return write(document, self.way, value)

    def path(self, document: Manifest) -> str:
        """See :class:`Place`."""
        return format_path(self.way)


@dataclass(frozen=True, slots=True)
class Named:
    """A field of that entry of a list which carries a name, as settings are listed.

    Attributes:
        way: to the list.
        name: of the entry, in its field ``name``.
        field: of the entry.
        is_kept: whether the entry stays when it has no more than its name.
    """

    way: Path
    name: str
    field: str = "value"
    is_kept: bool = False

    def read(self, document: Manifest) -> Any:
        """See :class:`Place`."""
        return read(document, (*self.way, self._index(document), self.field))

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`Place`."""
        index = self._index(document)
        is_new = index == len(read_list(document, self.way))
        if value is None and is_new:
            return document
        entry = {"name": self.name} if is_new else dict(read(document, (*self.way, index)))
        entry.pop(self.field, None)
        if value is not None:
            entry[self.field] = value
        if len(entry) == 1 and not self.is_kept:
            rest = [*read_list(document, self.way)]
            del rest[index]
            return write(document, self.way, rest or None)
        return write(document, (*self.way, index), entry)

    def path(self, document: Manifest) -> str:
        """See :class:`Place`."""
        return format_path((*self.way, self._index(document), self.field))

    def _index(self, document: Manifest) -> int:
        """Of the entry, the last of that name as it is the one that counts; else behind the end."""
        listed = read_list(document, self.way)
        found = len(listed)
        for index, one in enumerate(listed):
            if isinstance(one, dict) and one.get("name") == self.name:
                found = index
        return found
