"""Whether a manifest's head and names fit the request that carries it."""

from __future__ import annotations

import re

from katib.api.values import Manifest
from katib.api_server.resources import NAMESPACES, ResourceType, find_resource_type
from katib.api_server.statuses import StatusError, bad_request, invalid, not_found
from katib.api_server.targets import Target
from katib.errors import FieldError

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ONE_LABEL = re.compile(_LABEL)
_NOT_A_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NOT_A_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
#: What only the server writes into a new object.
_OF_THE_SERVER = frozenset(
    (
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    )
)


def fitted(target: Target, manifest: Manifest) -> Manifest:
    """The manifest with the namespace of the path, and with a head if it may lack one.

    Raises:
        StatusError: 400, it is of another kind, namespace or name.
    """
    type = target.type
    head = _head(type, manifest)
    metadata = manifest.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request(f"metadata must be an object, not {_named(metadata)}")
    stated = metadata.get("namespace") or ""
    if stated and stated != (target.namespace or ""):
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.name is not None and metadata.get("name") != target.name:
        raise bad_request(
            f"the name of the object ({metadata.get('name') or ''}) does not match the name on the "
            f"URL ({target.name})"
        )
    # As Kubernetes writes it: what is empty is absent.
    placed = {field: part for field, part in metadata.items() if part not in ({}, [], None)}
    if type.is_namespaced:
        placed["namespace"] = target.namespace
    return {**manifest, **head, "metadata": placed}


def as_new(type: ResourceType, manifest: Manifest) -> Manifest:
    """The manifest of a new object: with nothing that is the server's to say.

    Raises:
        StatusError: 422, its name is not legal; 400, it has a version already.
    """
    metadata = manifest["metadata"]
    if metadata.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    _check_name(type, metadata)
    stated = {name: part for name, part in metadata.items() if name not in _OF_THE_SERVER}
    body = {**manifest, "metadata": stated}
    if type.has_status:
        body.pop("status", None)
    return body


def check_namespace(namespace: str | None) -> None:
    """See that a namespace can be.

    Raises:
        StatusError: 404, it cannot.
    """
    if namespace is not None and _name_problem(namespace, _ONE_LABEL, 63, _NOT_A_LABEL):
        found = find_resource_type("", NAMESPACES.api_version, NAMESPACES.plural)
        assert found is not None
        raise not_found(found, namespace)


def _head(type: ResourceType, manifest: Manifest) -> Manifest:
    kind = type.kind
    stated_kind, stated_version = manifest.get("kind"), manifest.get("apiVersion")
    if type.is_ours:
        for name, stated in (("Kind", stated_kind), ("apiVersion", stated_version)):
            if not stated:
                raise bad_request(f"Object '{name}' is missing in the object that was sent")
    if stated_version and stated_version != kind.api_version:
        raise bad_request(
            f"the API version in the data ({stated_version}) does not match the expected API "
            f"version ({kind.api_version})"
        )
    if stated_kind and stated_kind != kind.name:
        raise bad_request(
            f'{stated_kind} in version "{type.version}" cannot be handled as a {kind.name}'
        )
    return {"apiVersion": kind.api_version, "kind": kind.name}


def _check_name(type: ResourceType, metadata: Manifest) -> None:
    name, prefix = metadata.get("name") or "", metadata.get("generateName") or ""
    for field, text in (("name", name), ("generateName", prefix)):
        if not isinstance(text, str):
            raise bad_request(f"metadata.{field} must be a string, not {_named(text)}")
    if not name and not prefix:
        error = FieldError("metadata.name", "Required value", "name or generateName is required")
        raise invalid(type, "", [error])
    is_label = type.kind is NAMESPACES
    pattern, text = (_ONE_LABEL, _NOT_A_LABEL) if is_label else (_SUBDOMAIN, _NOT_A_SUBDOMAIN)
    problem = _name_problem(name or f"{prefix}x", pattern, 63 if is_label else 253, text)
    if problem:
        field, found = ("name", name) if name else ("generateName", prefix)
        error = FieldError(f"metadata.{field}", "Invalid value", problem, f'"{found}"')
        raise invalid(type, name, [error])


def _name_problem(name: str, pattern: re.Pattern[str], longest: int, problem: str) -> str:
    if len(name) > longest:
        return f"must be no more than {longest} characters"
    return "" if pattern.fullmatch(name) else problem


def _named(value: object) -> str:
    return f"a {type(value).__name__}"


def unset_version(type: ResourceType, name: str) -> StatusError:
    """A kind that is no built-in one is replaced only by who says what was read."""
    error = FieldError(
        "metadata.resourceVersion", "Invalid value", "must be specified for an update", "0x0"
    )
    return invalid(type, name, [error])
