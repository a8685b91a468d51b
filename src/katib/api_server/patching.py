"""A PATCH request's body laid over a stored resource, in each of the four ways of Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import yaml

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.api_server.applying import Applier, apply
from katib.api_server.equality import same
from katib.api_server.json_patch import apply_json_patch
from katib.api_server.list_keys import Lists
from katib.api_server.patch_errors import (
    ApplyConflictError,
    Conflict,
    PatchError,
    bad_request,
    invalid,
)
from katib.api_server.strategic import merge_strategically
from katib.errors import ManifestError

__all__ = [
    "APPLY",
    "JSON_PATCH",
    "MERGE_PATCH",
    "STRATEGIC_MERGE_PATCH",
    "ApplyConflictError",
    "Conflict",
    "Patch",
    "PatchError",
    "apply_patch",
    "merge",
]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

_LONGEST_MANAGER = 128
#: The server alone writes these; a client that sends them back in its own format changes nothing.
_SERVERS_OWN = ("creationTimestamp", "deletionTimestamp", "generation", "selfLink")
_NAMING = ("name", "namespace", "uid")


@dataclass(frozen=True, slots=True)
class Patch:
    """A PATCH request.

    Attributes:
        content_type: of the body; parameters such as ``charset`` may follow.
        body: as it came.
        api_version: group and version of the resource, as ``kubeflow.org/v1beta1``.
        kind: of the resource, as ``Experiment``.
        field_manager: who asks; server-side apply needs it.
        now: the moment of the request.
        force: whether server-side apply takes over the fields of others; ``None`` when not said.
        subresource: empty, or ``status``.
    """

    content_type: str
    body: bytes
    api_version: str
    kind: str
    field_manager: str
    now: datetime
    force: bool | None = None
    subresource: str = ""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def lists(self) -> Lists:
        """How the lists of the kind are merged."""
        group, slash, _ = self.api_version.partition("/")
        return Lists(group if slash else "")


def apply_patch(patch: Patch, stored: Manifest | None) -> Manifest:
    """The resource with the patch applied; the stored one is left as it is.

    Only server-side apply writes managedFields here; after the others comes
    :func:`katib.api_server.applying.track`. The resource version is the one that the patch asks
    for, if it does: the caller compares it.

    Args:
        patch: the request.
        stored: the resource as plain JSON data; ``None`` when there is none, which server-side
            apply creates. The caller then checks its name and namespace, as for any creation.

    Raises:
        ApplyConflictError: server-side apply meets fields of other managers.
        PatchError: 400, the body is no legal patch or is for another resource; 404, there is
            nothing to patch; 413, it is too long; 415, the content type is not known or does not
            go with the kind; 422, it cannot be applied to this resource.
    """
    ways = _ways(patch.lists)
    if patch.media_type not in ways:
        raise PatchError(
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(ways),
            415,
        )
    _check_options(patch)
    try:
        return _settled(patch, stored, ways[patch.media_type](patch, stored))
    except RecursionError:
        raise bad_request("the patch or the patched resource is nested too deeply") from None


def merge(target: Any, patch: Any) -> Any:
    """A JSON Merge Patch applied, RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _ways(lists: Lists) -> Mapping[str, Callable[[Patch, Manifest | None], Any]]:
    custom = {JSON_PATCH: _by_operations, MERGE_PATCH: _by_merging, APPLY: _by_applying}
    if lists.are_custom:
        return custom
    return {**custom, STRATEGIC_MERGE_PATCH: _by_merging_strategically}


def _by_operations(patch: Patch, stored: Manifest | None) -> Any:
    document = _existing(patch, stored)
    return apply_json_patch(document, _json(patch.body, "error decoding patch"))


def _by_merging(patch: Patch, stored: Manifest | None) -> Any:
    changes = _json(patch.body, "Invalid JSON Patch")
    if not isinstance(changes, dict):
        raise bad_request("Invalid JSON Patch: a merge patch is an object")
    return merge(_existing(patch, stored), changes)


def _by_merging_strategically(patch: Patch, stored: Manifest | None) -> Any:
    changes = _json(patch.body, "invalid JSON document")
    if not isinstance(changes, dict):
        raise bad_request("invalid JSON document: a strategic merge patch is an object")
    return merge_strategically(_existing(patch, stored), changes, patch.lists)


def _by_applying(patch: Patch, stored: Manifest | None) -> Any:
    wanted = _configuration(patch.body)
    metadata = wanted.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request("metadata: an object is expected")
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    _check_version(patch, wanted)
    if stored is None and metadata.get("uid"):
        raise PatchError(
            "Conflict",
            f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing "
            "object was found",
            409,
        )
    applier = Applier(
        patch.field_manager, patch.api_version, patch.now, bool(patch.force), patch.subresource
    )
    return apply(stored, wanted, applier)


def _check_options(patch: Patch) -> None:
    applies = patch.media_type == APPLY
    problem = ""
    if applies and not patch.field_manager:
        problem = "fieldManager: Required value: is required for apply patch"
    elif patch.force is not None and not applies:
        problem = "force: Forbidden: may not be specified for non-apply patch"
    elif len(patch.field_manager.encode()) > _LONGEST_MANAGER:
        problem = f"fieldManager: Too long: may not be more than {_LONGEST_MANAGER} bytes"
    elif not patch.field_manager.isprintable():
        problem = (
            f"fieldManager: Invalid value: {patch.field_manager!a}: should only contain printable "
            "characters"
        )
    if problem:
        raise invalid(f'PatchOptions.meta.k8s.io "" is invalid: {problem}')


def _check_version(patch: Patch, wanted: Manifest) -> None:
    version, kind = wanted.get("apiVersion"), wanted.get("kind")
    if version != patch.api_version:
        raise bad_request(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{version or '(none)'}, expected: {patch.api_version}"
        )
    if kind != patch.kind:
        raise bad_request(
            f"Incorrect kind specified in apply patch. Specified patch kind: {kind or '(none)'}, "
            f"expected: {patch.kind}"
        )


def _existing(patch: Patch, stored: Manifest | None) -> Manifest:
    if stored is None:
        raise PatchError("NotFound", f"there is no {patch.kind} of this name to patch", 404)
    return stored


def _json(body: bytes, problem: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"{problem}: {error}") from error


def _configuration(body: bytes) -> Manifest:
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = _yaml(body)
    if not isinstance(decoded, dict):
        raise bad_request("error decoding YAML: an apply patch is an object")
    return decoded


def _yaml(body: bytes) -> Any:
    try:
        if _has_aliases(body):
            raise bad_request("error decoding YAML: aliases are not supported; repeat the value")
        documents = list(load_yaml(body, "error decoding YAML"))
    except ManifestError as error:
        raise bad_request(str(error)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    if len(documents) != 1:
        raise bad_request(f"error decoding YAML: one document is expected, found {len(documents)}")
    return documents[0]


def _has_aliases(body: bytes) -> bool:
    """Whether values stand for others: a few, nested, can mean more data than there is memory."""
    if b"&" not in body or b"*" not in body:
        return False
    return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body, Loader=_Loader))


def _settled(patch: Patch, stored: Manifest | None, result: Any) -> Manifest:
    """The patched document, if it is still the same resource, with what only the server decides."""
    if not isinstance(result, dict):
        raise invalid(f"the patched {patch.kind} would be no object any more")
    metadata = result.get("metadata", {})
    if not isinstance(metadata, dict):
        raise invalid(f"metadata: Invalid value: {metadata!r}: an object is expected")
    before = (stored or {}).get("metadata") or {}
    _check_head(patch, result)
    _check_names(patch, before, metadata)
    kept = {key: before[key] for key in (*_NAMING, *_SERVERS_OWN) if before.get(key) is not None}
    settled = {
        key: value
        for key, value in {**metadata, **kept}.items()
        if stored is None or key not in _SERVERS_OWN or key in kept
    }
    if not isinstance(settled.get("managedFields", []), (list, tuple)):
        del settled["managedFields"]
    head = {"apiVersion": patch.api_version, "kind": patch.kind}
    return {**result, **head, "metadata": settled}


def _check_head(patch: Patch, result: Manifest) -> None:
    for field, word, right in (
        ("apiVersion", "API version", patch.api_version),
        ("kind", "kind", patch.kind),
    ):
        found = result.get(field)
        if found is not None and found != right:
            raise bad_request(
                f"the {word} in the data ({found}) does not match the expected {word} ({right})"
            )


def _check_names(patch: Patch, before: Manifest, after: Manifest) -> None:
    for field, ending in (("name", "name on the URL"), ("namespace", "namespace on the request")):
        found, right = after.get(field), before.get(field)
        if found is not None and right is not None and not same(found, right):
            raise bad_request(
                f"the {field} of the object ({found}) does not match the {ending} ({right})"
            )
    found, right = after.get("uid"), before.get("uid")
    if found is not None and right is not None and not same(found, right):
        group = patch.lists.group
        kind = f"{patch.kind}.{group}" if group else patch.kind
        raise invalid(
            f'{kind} "{before.get("name", "")}" is invalid: metadata.uid: Invalid value: '
            f'"{found}": field is immutable'
        )
