"""Which namespaces a visitor may look into."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from katib.client.backend import RefusedError
from katib.web.rights import Deed, Visitor
from katib.web.site import Site

_LIST = Deed("list", "experiments")

#: About how many namespaces a cluster is asked at the same time.
_AT_ONCE = 8


def list_namespaces(site: Site, visitor: Visitor) -> list[str]:
    """The namespaces whose experiments the visitor may list, by name.

    Raises:
        KatibError: nobody answers.
    """
    if site.namespaces:
        return _allowed(site, visitor, site.namespaces)
    found = _all(site)
    # Who may look everywhere is not asked about each.
    return found if site.may(visitor, _LIST) else _allowed(site, visitor, found)


def _allowed(site: Site, visitor: Visitor, namespaces: Sequence[str]) -> list[str]:
    def may(namespace: str) -> bool:
        return site.may(visitor, replace(_LIST, namespace=namespace))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = list(threads.map(may, namespaces))
    return [one for one, is_allowed in zip(namespaces, answers, strict=True) if is_allowed]


def _all(site: Site) -> list[str]:
    try:
        answer = site.backend.ask("GET", "/api/v1/namespaces")
    except RefusedError as error:
        if error.code != 403:
            raise
        # A namespaced installation may not look at others.
        return [site.backend.namespace]
    return sorted(one["metadata"]["name"] for one in answer.get("items") or ())
