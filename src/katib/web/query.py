"""What a page's address says of what is looked at, so that a link opens what one saw."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from nicegui import ui
from starlette.requests import Request


class Query:
    """The query of one visitor's page; what is put into it stands in the browser's address.

    Args:
        address: of the page, as the browser knows it, without a query.
        request: by which the page was asked for.
    """

    def __init__(self, address: str, request: Request) -> None:
        self._address = address
        self._values: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            # The token is never shown again.
            if name != "token":
                self._values.setdefault(name, []).append(value)

    def find(self, name: str) -> str:
        """The value of that name; empty for none."""
        return (self._values.get(name) or [""])[0]

    def list(self, name: str) -> Sequence[str]:
        """All values of a name, in order; one value may be several with commas between them."""
        return [part for one in self._values.get(name, ()) for part in one.split(",") if part]

    def put(self, **values: str | Sequence[str]) -> None:
        """Remember these, and drop those that are empty; the browser's history grows by nothing."""
        before = dict(self._values)
        for name, value in values.items():
            text = value if isinstance(value, str) else ",".join(value)
            if text:
                self._values[name] = [text]
            else:
                self._values.pop(name, None)
        if self._values != before:
            ui.navigate.history.replace(self.url)

    @property
    def url(self) -> str:
        """The whole address."""
        pairs = [(name, one) for name, values in self._values.items() for one in values]
        return f"{self._address}?{urlencode(pairs)}" if pairs else self._address
