"""What the server serves, as clients ask for it before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.routing import Route

from katib.api.values import Manifest
from katib.api_server.documents import JSON, Form, document_route, json_form
from katib.api_server.resources import ResourceType

_STATUS_VERBS = ("get", "patch", "update")

#: Versions of a group, each with what it serves; the preferred version comes first.
Versions = Mapping[str, Sequence[ResourceType]]


def discovery_routes(resource_types: Iterable[ResourceType]) -> list[Route]:
    """The routes of ``/api``, ``/apis`` and everything in them that is no resource.

    Each of the two also answers for all its groups at once, to clients that accept an
    ``APIGroupDiscoveryList``. The documents are built here, once.
    """
    groups = by_group(resource_types)
    named = {name: versions for name, versions in groups.items() if name}
    core: Mapping[str, Versions] = {name: versions for name, versions in groups.items() if not name}
    listed = [_group(name, versions) for name, versions in named.items()]
    group_list = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    routes = [
        document_route("/api", [json_form(_core_versions(core)), *_aggregated(core)]),
        document_route("/apis", [json_form(group_list), *_aggregated(named)]),
    ]
    for name, versions in named.items():
        group = {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}
        routes.append(document_route(f"/apis/{name}", [json_form(group)]))
    for name, versions in groups.items():
        for version, types in versions.items():
            place = root(name, version)
            routes.append(document_route(place, [json_form(_resource_list(place, types))]))
    return routes


def by_group(resource_types: Iterable[ResourceType]) -> Mapping[str, Versions]:
    """Groups and their versions in the order in which they first appear; the core's is empty."""
    groups: dict[str, dict[str, list[ResourceType]]] = {}
    for known in resource_types:
        groups.setdefault(known.group, {}).setdefault(known.version, []).append(known)
    return groups


def root(group: str, version: str) -> str:
    """The path below which a group's version is served."""
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def subresources(resource_type: ResourceType) -> Mapping[str, Sequence[str]]:
    """What is served below one of its names, and the verbs for it."""
    status = {"status": _STATUS_VERBS} if resource_type.has_status else {}
    return {**status, **dict.fromkeys(resource_type.subresources, ("get",))}


def _core_versions(core: Mapping[str, Versions]) -> Manifest:
    versions = [version for served in core.values() for version in served]
    return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []}


def _group(name: str, versions: Versions) -> Manifest:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(place: str, types: Sequence[ResourceType]) -> Manifest:
    listed: list[Manifest] = []
    for known in types:
        names = {"shortNames": known.short_names, "categories": known.categories}
        listed.append(
            {
                "name": known.plural,
                "singularName": known.singular,
                "namespaced": known.is_namespaced,
                "kind": known.kind.name,
                "verbs": known.verbs,
                **{field: texts for field, texts in names.items() if texts},
            }
        )
        listed.extend(
            {
                "name": f"{known.plural}/{name}",
                "singularName": "",
                "namespaced": known.is_namespaced,
                "kind": known.kind.name,
                "verbs": verbs,
            }
            for name, verbs in subresources(known).items()
        )
    version = place.removeprefix("/apis/").removeprefix("/api/")
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version}
    return {**head, "resources": listed}


def _aggregated(groups: Mapping[str, Versions]) -> list[Form]:
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "resources": [_aggregated_resource(known) for known in types],
                    "freshness": "Current",
                }
                for version, types in versions.items()
            ],
        }
        for name, versions in groups.items()
    ]
    return [_aggregated_form(items, version) for version in ("v2", "v2beta1")]


def _aggregated_form(items: Sequence[Manifest], version: str) -> Form:
    kind = "APIGroupDiscoveryList"
    api_version = f"apidiscovery.k8s.io/{version}"
    content = {"kind": kind, "apiVersion": api_version, "metadata": {}, "items": items}
    return json_form(content, f"{JSON};g=apidiscovery.k8s.io;v={version};as={kind}")


def _aggregated_resource(known: ResourceType) -> Manifest:
    kind = {"group": known.group, "version": known.version, "kind": known.kind.name}
    below = [
        {"subresource": name, "responseKind": kind, "verbs": verbs}
        for name, verbs in subresources(known).items()
    ]
    optional: dict[str, Sequence[Any]] = {
        "shortNames": known.short_names,
        "categories": known.categories,
        "subresources": below,
    }
    return {
        "resource": known.plural,
        "responseKind": kind,
        "scope": "Namespaced" if known.is_namespaced else "Cluster",
        "singularResource": known.singular,
        "verbs": known.verbs,
        **{field: values for field, values in optional.items() if values},
    }
