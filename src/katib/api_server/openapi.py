"""What the server serves, as OpenAPI describes it: ``kubectl explain`` and ``apply`` ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from starlette.routing import Route

from katib.api.values import Manifest
from katib.api_server.discovery import by_group, root
from katib.api_server.documents import JSON, document_route, form, json_form
from katib.api_server.resources import ResourceType
from katib.api_server.schemas import REFERENCE, group_version_kind, schema_name, schemas_of
from katib.api_server.swagger import MEDIA_TYPE, OLD_NAME, as_protobuf, as_swagger

# Strategic merge patches are not named, though the server takes them: a client that reads of them
# here builds them by the merge keys of the schemas, which are left open; kubectl knows the merge
# keys of these kinds by itself.
_PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)

_LIST_QUERY = (
    "labelSelector",
    "fieldSelector",
    "limit",
    "continue",
    "resourceVersion",
    "timeoutSeconds",
    "watch",
)
_WRITE_QUERY = ("dryRun", "fieldManager", "fieldValidation")
_DELETE_QUERY = ("dryRun", "gracePeriodSeconds", "propagationPolicy")
_QUERY: Mapping[str, Sequence[str]] = {
    "list": _LIST_QUERY,
    "post": _WRITE_QUERY,
    "put": _WRITE_QUERY,
    "patch": (*_WRITE_QUERY, "force"),
    "delete": _DELETE_QUERY,
    "deletecollection": (*_LIST_QUERY, *_DELETE_QUERY),
}
_INTEGERS = frozenset(("limit", "timeoutSeconds", "gracePeriodSeconds"))
_BOOLEANS = frozenset(("watch", "force"))

#: What a verb is called in discovery, as HTTP, and as an action.
_OF_ALL = (("list", "get", "list"), ("create", "post", "post"))
_OF_ALL_AND_DELETION = (*_OF_ALL, ("deletecollection", "delete", "deletecollection"))
_OF_ONE = (
    ("get", "get", "get"),
    ("update", "put", "put"),
    ("patch", "patch", "patch"),
    ("delete", "delete", "delete"),
)


def openapi_routes(resource_types: Iterable[ResourceType]) -> list[Route]:
    """The routes of ``/openapi/v3`` with a document for every group's version, and of
    ``/openapi/v2`` with one for all, in JSON and in the protocol buffers that kubectl asks for.

    The documents are built here, once.
    """
    index: dict[str, Manifest] = {}
    routes: list[Route] = []
    described = [
        (root(group, version), describe(served))
        for group, versions in by_group(resource_types).items()
        for version, served in versions.items()
    ]
    for place, document in described:
        path, sent = f"/openapi/v3{place}", json_form(document)
        routes.append(document_route(path, [sent]))
        index[place.removeprefix("/")] = {"serverRelativeURL": f"{path}?hash={sent.digest}"}
    everything = as_swagger([document for _, document in described])
    encoded = form(as_protobuf(everything), MEDIA_TYPE, (OLD_NAME,))
    return [
        document_route("/openapi/v3", [json_form({"paths": index})]),
        document_route("/openapi/v2", [json_form(everything), encoded]),
        *routes,
    ]


def describe(resource_types: Sequence[ResourceType]) -> Manifest:
    """The OpenAPI 3.0 document of these kinds: what may be asked, and how resources look."""
    paths: dict[str, Manifest] = {}
    for known in resource_types:
        paths.update(_paths(known))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Katib", "version": "v1beta1"},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas_of(resource_types)},
    }


def _paths(known: ResourceType) -> Mapping[str, Manifest]:
    start = root(known.group, known.version)
    everywhere = f"{start}/{known.plural}"
    place = (
        f"{start}/namespaces/{{namespace}}/{known.plural}" if known.is_namespaced else everywhere
    )
    paths = {everywhere: _operations(known, _OF_ALL[:1], everywhere)}
    paths[place] = _operations(known, _OF_ALL_AND_DELETION, place)
    one = f"{place}/{{name}}"
    paths[one] = _operations(known, _OF_ONE, one)
    if known.has_status:
        paths[f"{one}/status"] = _operations(known, _OF_ONE[:3], one)
    for name in known.subresources:
        get = _part_operation(known, "text/plain" if name == "log" else JSON)
        paths[f"{one}/{name}"] = {"get": get, "parameters": _placeholders(one)}
    return {path: item for path, item in paths.items() if set(item) != {"parameters"}}


def _operations(known: ResourceType, table: Sequence[tuple[str, str, str]], path: str) -> Manifest:
    operations = {
        method: _operation(known, action) for verb, method, action in table if verb in known.verbs
    }
    return {**operations, "parameters": _placeholders(path)}


def _operation(known: ResourceType, action: str) -> Manifest:
    name = schema_name(known)
    answer = {
        "list": f"{name}List",
        "delete": "",
        "deletecollection": "",
    }.get(action, name)
    return {
        "description": f"{action} {known.qualified_name}",
        "parameters": [_query(field) for field in _QUERY.get(action, ())],
        **_body(name, action),
        "responses": {"200": {"description": "OK", **_content(answer)}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(known),
    }


def _part_operation(known: ResourceType, media_type: str) -> Manifest:
    content = {media_type: {"schema": {"type": "object" if media_type == JSON else "string"}}}
    return {
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": "connect",
        "x-kubernetes-group-version-kind": group_version_kind(known),
    }


def _body(name: str, action: str) -> Manifest:
    if action == "patch":
        content = {type: {"schema": {"type": "object"}} for type in _PATCH_TYPES}
        return {"requestBody": {"required": True, "content": content}}
    if action in ("post", "put"):
        return {"requestBody": {"required": True, **_content(name)}}
    return {}


def _content(name: str) -> Manifest:
    schema: Manifest = {"$ref": REFERENCE + name} if name else {"type": "object"}
    return {"content": {JSON: {"schema": schema}}}


def _query(name: str) -> Manifest:
    type = "integer" if name in _INTEGERS else "boolean" if name in _BOOLEANS else "string"
    return {"name": name, "in": "query", "schema": {"type": type, "uniqueItems": True}}


def _placeholders(path: str) -> list[Manifest]:
    names = [name for name in ("namespace", "name") if f"{{{name}}}" in path]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
