"""The document that is being written, and the text of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from katib.api.codec import dump_yaml, load_yaml
from katib.api.values import Manifest
from katib.errors import ManifestError
from katib.web.pages.create.places import Place


class Draft:
    """One document as form and text both show it.

    Args:
        document: to begin with.
        text: of it, as somebody wrote it; made anew if not given.

    Attributes:
        document: never changed in place.
        text: of the document, or what was typed last if that is no document.
        problem: why the text is no document; empty when it is one.
        version: grows with every change.
        is_touched: whether anything was changed.
    """

    def __init__(self, document: Manifest, text: str | None = None) -> None:
        self.document = document
        self.text = dump_yaml(document, is_sorted=False) if text is None else text
        self.problem, self.version, self.is_touched = "", 0, False
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it after every change."""
        self._listeners.append(listener)

    def put(self, place: Place, value: Any) -> None:
        """Write a value; the text is made anew when that changes the document."""
        self.replace(place.write(self.document, value))

    def replace(self, document: Manifest) -> None:
        """Go on with another document."""
        if document == self.document:
            return
        self.document, self.problem = document, ""
        self.text = dump_yaml(document, is_sorted=False)
        self._tell()

    def take(self, text: str) -> None:
        """Go on with what somebody typed; what is no document leaves the document as it was."""
        if text == self.text:
            return
        self.text = text
        try:
            self.document, self.problem = parse(text), ""
        except ManifestError as error:
            self.problem = str(error)
        self._tell()

    def _tell(self) -> None:
        self.version += 1
        self.is_touched = True
        for listener in self._listeners:
            listener()


def parse(text: str) -> Manifest:
    """The one document of a text.

    Raises:
        ManifestError: there is none, or not one; the text says where it goes wrong.
    """
    found = list(load_yaml(text, "This is no YAML"))
    if len(found) != 1:
        problem = f"there are {len(found)} documents; one is expected, with kind: Experiment"
        raise ManifestError("The YAML", problem)
    return found[0]
