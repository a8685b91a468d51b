"""Which namespaces a visitor may look into."""

from __future__ import annotations

from katib.client.backend import RefusedError
from katib.web.rights import Deed, Visitor
from katib.web.site import Site


def list_namespaces(site: Site, visitor: Visitor) -> list[str]:
    """The namespaces whose experiments the visitor may list, by name.

    Raises:
        KatibError: nobody answers.
    """
    found = list(site.namespaces) or _all(site)
    return [one for one in found if site.may(visitor, Deed("list", "experiments", one))]


def _all(site: Site) -> list[str]:
    try:
        answer = site.backend.ask("GET", "/api/v1/namespaces")
    except RefusedError as error:
        if error.code != 403:
            raise
        # A namespaced installation may not look at others.
        return [site.backend.namespace]
    return sorted(one["metadata"]["name"] for one in answer.get("items") or ())
