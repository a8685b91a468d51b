"""What the caller may do: everything, as whoever carries the token is the owner of the home."""

from __future__ import annotations

from starlette.responses import Response

from katib.api.values import Manifest
from katib.api_server.answers import Form, answer
from katib.api_server.bodies import media_type_of, read_body, read_manifest
from katib.api_server.metadata import fitted
from katib.api_server.resources import (
    RESOURCE_TYPES,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_RULES_REVIEWS,
)
from katib.api_server.services import Call
from katib.api_server.statuses import bad_request

REVIEWS = (SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_RULES_REVIEWS)


async def review(call: Call) -> Response:
    """Answer ``kubectl auth can-i``, and which rules there are."""
    data = await read_body(call.request)
    manifest = fitted(call.target, read_manifest(data, media_type_of(call.request)))
    is_access = call.target.type.kind is SELF_SUBJECT_ACCESS_REVIEWS
    spec = manifest.get("spec") or {}
    if not isinstance(spec, dict):
        raise bad_request("spec: must be an object")
    status = _access(spec) if is_access else _rules()
    body = {**manifest, "metadata": {}, "status": status}
    return answer(body, Form(is_pretty=call.form.is_pretty), 201)


def _access(spec: Manifest) -> Manifest:
    asked = spec.get("resourceAttributes")
    if not isinstance(asked, dict):
        return {"allowed": True}
    group, resource, verb = (asked.get(name) or "" for name in ("group", "resource", "verb"))
    for type in RESOURCE_TYPES:
        is_meant = group in ("*", type.group) and resource in ("*", type.plural)
        if is_meant and verb in ("*", *type.verbs):
            return {"allowed": True}
    reason = f'this server serves no "{verb}" of "{resource}" in the group "{group}"'
    return {"allowed": False, "reason": reason}


def _rules() -> Manifest:
    rules = [
        {"verbs": list(type.verbs), "apiGroups": [type.group], "resources": [type.plural]}
        for type in RESOURCE_TYPES
    ]
    return {
        "resourceRules": rules,
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }
