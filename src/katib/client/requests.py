"""Requests of one client: their paths, and what becomes of their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlencode

from katib.api.names import API_VERSION
from katib.client.backend import AwayError


def path_of(
    plural: str, namespace: str, name: str = "", query: Mapping[str, str] | None = None
) -> str:
    """The path of one of our resources, or of all of a namespace."""
    return _path(f"/apis/{API_VERSION}", plural, namespace, name, query)


def core_path(
    plural: str, namespace: str, name: str = "", query: Mapping[str, str] | None = None
) -> str:
    """The path of one of Kubernetes' own resources, or of all of a namespace."""
    return _path("/api/v1", plural, namespace, name, query)


@contextmanager
def worded(deed: str) -> Iterator[None]:
    """Raise whatever goes wrong as Katib's SDK words it, and say why behind it.

    Args:
        deed: as ``get Katib Experiment: default/random``.

    Raises:
        TimeoutError: the answer did not come in time.
        RuntimeError: anything else.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AwayError) and error.is_late:
            raise TimeoutError(f"Timeout to {deed}: {error}") from error
        raise RuntimeError(f"Failed to {deed}: {error}") from error


def _path(
    root: str, plural: str, namespace: str, name: str, query: Mapping[str, str] | None
) -> str:
    place = f"{root}/namespaces/{quote(namespace, safe='')}/{plural}"
    # The name of a part of it may follow behind a slash.
    one = f"/{quote(name)}" if name else ""
    asked = f"?{urlencode(query)}" if query else ""
    return f"{place}{one}{asked}"
