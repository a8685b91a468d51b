"""The errors of a generated client, for programs that name them.

:class:`katib.KatibClient` raises Python's own ``RuntimeError``, ``TimeoutError`` and
``ValueError``, as Katib's SDK does; these are raised by what programs call beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Path = Sequence[str | int]


class OpenApiException(Exception):
    """The root of these errors."""


class ApiTypeError(OpenApiException, TypeError):
    """A value is of a type that is not expected.

    Attributes:
        path_to_item: the keys and places that lead to it.
        valid_classes: what is expected.
        key_type: whether it is a key of a map.
    """

    def __init__(
        self,
        msg: str,
        path_to_item: Path | None = None,
        valid_classes: tuple[type[Any], ...] | None = None,
        key_type: bool | None = None,
    ) -> None:
        self.path_to_item, self.valid_classes, self.key_type = path_to_item, valid_classes, key_type
        super().__init__(_placed(msg, path_to_item))


class ApiValueError(OpenApiException, ValueError):
    """A value is not legal; ``path_to_item`` leads to it."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(_placed(msg, path_to_item))


class ApiKeyError(OpenApiException, KeyError):
    """A key is not there; ``path_to_item`` leads to where it should be."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(_placed(msg, path_to_item))


class Answer(Protocol):
    """What an :class:`ApiException` reads of an HTTP answer."""

    status: int
    reason: str
    data: Any

    def getheaders(self) -> Any:
        """Its headers."""
        ...


class ApiException(OpenApiException):
    """An API server has refused a request.

    Attributes:
        status: of HTTP.
        reason: what the server says of it in a word or two.
        body: of the answer, when there is one.
        headers: of the answer, when there is one.
    """

    def __init__(
        self, status: int | None = None, reason: str | None = None, http_resp: Answer | None = None
    ) -> None:
        self.status, self.reason, self.body, self.headers = status, reason, None, None
        if http_resp is not None:
            self.status, self.reason = http_resp.status, http_resp.reason
            self.body, self.headers = http_resp.data, http_resp.getheaders()
        super().__init__(status, reason)

    def __str__(self) -> str:
        found = {"HTTP response headers": self.headers, "HTTP response body": self.body}
        more = "".join(f"{name}: {value}\n" for name, value in found.items() if value)
        return f"({self.status})\nReason: {self.reason}\n{more}"


def _placed(message: str, path: Path | None) -> str:
    return f"{message} at {''.join(f'[{one!r}]' for one in path)}" if path else message
