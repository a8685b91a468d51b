"""All resources of a path, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from katib.api.codec import typed
from katib.api.values import Value
from katib.errors import ExpiredError
from katib.kubernetes.client import KubernetesClient

#: How many resources one answer lists.
PAGE = 500

#: How often a list begins anew when it took so long that its rest was no longer kept.
ATTEMPTS = 5


class ListMeta(Value, frozen=True):
    """The metadata of a list, or of a mark in a watch.

    Attributes:
        resource_version: as of which all are listed.
        rest: how to go on; empty on the last page.
    """

    resource_version: str = ""
    rest: str = msgspec.field(default="", name="continue")


class _Page(Value, frozen=True):
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: tuple[Raw, ...] | None = None


def list_all(
    client: KubernetesClient, path: str, query: Mapping[str, str]
) -> tuple[Sequence[bytes], str]:
    """Every resource as its text, and the version as of which they are all.

    Args:
        client: whom to ask.
        path: of the list.
        query: as ``labelSelector``.

    Raises:
        ExpiredError: it takes longer than the server keeps versions, each time.
        KatibError: as :meth:`KubernetesClient.request`.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _list(client, path, query)
        except ExpiredError:
            continue
    return _list(client, path, query)


def _list(
    client: KubernetesClient, path: str, query: Mapping[str, str]
) -> tuple[Sequence[bytes], str]:
    texts: list[bytes] = []
    rest: dict[str, str] = {}
    while True:
        asked = {"limit": str(PAGE), **query, **rest}
        page = typed(_Page, client.request("GET", path, query=asked))
        texts.extend(bytes(item) for item in page.items or ())
        if not page.metadata.rest:
            return texts, page.metadata.resource_version
        rest = {"continue": page.metadata.rest}
