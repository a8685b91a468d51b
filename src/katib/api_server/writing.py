"""Writing: create, replace, patch; the object or its status."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from katib.admission.job import check_resource
from katib.admission.shape import fit
from katib.api.codec import encode, from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.trial import TRIALS
from katib.api.values import Manifest, Resource, Unstructured
from katib.api_server.answers import Form, answer
from katib.api_server.applying import track
from katib.api_server.bodies import check_depth, media_type_of, read_body, read_manifest
from katib.api_server.listing import check_not_built_in
from katib.api_server.metadata import as_new, check_namespace, fitted, unset_version
from katib.api_server.namespaces import completed
from katib.api_server.patch_errors import ApplyConflictError, PatchError
from katib.api_server.patching import APPLY, Patch, apply_patch
from katib.api_server.rehearsal import rehearse_create, rehearse_update
from katib.api_server.resources import NAMESPACES
from katib.api_server.services import Call
from katib.api_server.statuses import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    denied,
    invalid,
    not_found,
    unmet,
)
from katib.api_server.strictness import check_fields, raw_json
from katib.errors import (
    AdmissionError,
    AlreadyExistsError,
    ConflictError,
    FieldError,
    NotFoundError,
)

#: The webhooks of a cluster, by whose names kubectl shows why an experiment is refused.
DEFAULTER = "defaulter.experiment.katib.kubeflow.org"
VALIDATOR = "validator.experiment.katib.kubeflow.org"

#: How often a patch is made again when somebody else wrote in between.
_TRIES = 5

_LONGEST_MANAGER = 128


class _OvertakenError(Exception):
    """Somebody wrote between our reading and our writing."""


async def create(call: Call) -> Response:
    """``create``."""
    data, media_type = await read_body(call.request), media_type_of(call.request)
    manifest = fitted(call.target, read_manifest(data, media_type))
    warnings = _check_fields(call, manifest, raw_json(data, media_type))
    created = _create(call, _tracked(call, None, manifest))
    return await _acknowledge(call, created, 201, warnings)


async def replace_object(call: Call) -> Response:
    """``update``, of the object or its status."""
    data, media_type = await read_body(call.request), media_type_of(call.request)
    manifest = fitted(call.target, read_manifest(data, media_type))
    warnings = _check_fields(call, manifest, raw_json(data, media_type))
    stored = _stored(call)
    type = call.target.type
    is_built_in = not type.is_ours and not type.group.endswith("kubeflow.org")
    if not is_built_in and not manifest["metadata"].get("resourceVersion"):
        raise unset_version(type, call.target.name or "")
    try:
        written = _update(call, stored, _tracked(call, stored, manifest))
    except _OvertakenError as error:
        raise conflict(type, call.target.name or "") from error
    return await _acknowledge(call, written, 200, warnings)


async def patch(call: Call) -> Response:
    """``patch``, of the object or its status, and server-side apply."""
    data, media_type = await read_body(call.request), media_type_of(call.request)
    for _ in range(_TRIES):
        found = call.services.ports.store.find(call.target.type.kind, call.target.key)
        if found is None:
            check_not_built_in(call)
        if found is None and (media_type != APPLY or call.target.subresource):
            raise not_found(call.target.type, call.target.name or "")
        manifest = fitted(call.target, _patched(call, found, media_type, data))
        if media_type != APPLY:
            manifest = _tracked(call, found, manifest)
        warnings = _check_fields(call, manifest, _with_fields(data, media_type))
        try:
            if found is None:
                return await _acknowledge(call, _create(call, manifest), 201, warnings)
            return await _acknowledge(call, _update(call, found, manifest), 200, warnings)
        except _OvertakenError:
            continue
    raise conflict(call.target.type, call.target.name or "")


def _create(call: Call, manifest: Manifest) -> Resource:
    target, ports = call.target, call.services.ports
    check_namespace(target.namespace)
    fresh = _resource(call, as_new(target.type, manifest), None)
    if target.type.kind is NAMESPACES and isinstance(fresh, Unstructured):
        fresh = completed(fresh)
    if call.query.is_dry_run:
        if ports.store.find(target.type.kind, fresh.key) is not None:
            raise already_exists(target.type, fresh.metadata.name)
        return rehearse_create(fresh, ports.clock)
    if target.namespace is not None:
        call.services.namespaces.keep([target.namespace])
    try:
        created: Resource = ports.store.create(target.type.kind, fresh)
    except AlreadyExistsError as error:
        raise already_exists(target.type, fresh.metadata.name) from error
    return created


def _update(call: Call, stored: Resource, manifest: Manifest) -> Resource:
    type, store = call.target.type, call.services.ports.store
    _check_identity(call, stored, manifest["metadata"])
    is_status = call.target.subresource == "status"
    old = stored if isinstance(stored, Experiment) else None
    fresh = _typed(call, manifest) if is_status else _resource(call, manifest, old)
    if call.query.is_dry_run:
        return rehearse_update(stored, fresh, is_status)
    write = store.update_status if is_status else store.update
    try:
        written: Resource = write(type.kind, fresh)
    except ConflictError as error:
        raise _OvertakenError from error
    except NotFoundError as error:
        raise not_found(type, stored.metadata.name) from error
    return written


def _stored(call: Call) -> Resource:
    found: Resource | None = call.services.ports.store.find(call.target.type.kind, call.target.key)
    if found is None:
        check_not_built_in(call)
        raise not_found(call.target.type, call.target.name or "")
    return found


def _check_identity(call: Call, stored: Resource, metadata: Manifest) -> None:
    type, present = call.target.type, stored.metadata
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if uid and uid != present.uid:
        raise conflict(type, present.name, unmet("UID", str(uid), present.uid))
    if version and version != present.resource_version:
        raise conflict(type, present.name)


def _resource(call: Call, manifest: Manifest, old: Experiment | None) -> Resource:
    """The resource of a manifest; an experiment as admission lets it in."""
    if call.target.type.kind is not EXPERIMENTS:
        return _typed(call, manifest)
    try:
        return call.services.ports.admit(manifest, old)
    except AdmissionError as error:
        # In a cluster the webhook that fills in defaults is the first that reads the object.
        misfits = set(fit(manifest).errors)
        webhook = DEFAULTER if misfits.intersection(error.errors) else VALIDATOR
        raise denied(webhook, error.errors) from error


def _typed(call: Call, manifest: Manifest) -> Resource:
    kind = call.target.type.kind
    try:
        resource: Resource = from_manifest(kind, manifest)
    except (msgspec.ValidationError, msgspec.DecodeError, TypeError) as error:
        raise bad_request(
            f'{kind.name} in version "{call.target.type.version}" cannot be handled as a '
            f"{kind.name}: {error}"
        ) from error
    _check_runnable(call, manifest)
    return resource


def _check_runnable(call: Call, manifest: Manifest) -> None:
    """See that what executors read has the types that they expect."""
    type, checked, above = call.target.type, manifest, ""
    if call.target.subresource:
        # Of the rest nothing is written.
        checked = {name: manifest.get(name) for name in ("kind", "status")}
    if type.kind is TRIALS:
        checked, above = (manifest.get("spec") or {}).get("runSpec", {}), "spec.runSpec."
    elif type.is_ours:
        return
    if not isinstance(checked, dict):
        raise bad_request("spec.runSpec must be the manifest of what the trial runs")
    found = [problem.partition(" ") for problem in check_resource(checked)]
    if found:
        errors = [FieldError(f"{above}{path}", "Invalid value", rest) for path, _, rest in found]
        raise invalid(type, str(manifest["metadata"].get("name") or ""), errors)


def _patched(call: Call, found: Resource | None, media_type: str, data: bytes) -> Manifest:
    type, query = call.target.type, call.query
    request = Patch(
        media_type,
        data,
        type.kind.api_version,
        type.kind.name,
        _manager(call) if media_type != APPLY else query.text("fieldManager"),
        call.services.ports.clock.now(),
        query.flag("force") if query.text("force") else None,
        call.target.subresource,
    )
    try:
        patched = apply_patch(request, None if found is None else to_manifest(found))
    except ApplyConflictError as error:
        causes = [cause.cause for cause in error.causes]
        details = {**conflict(type, call.target.name or "").details, "causes": causes}
        raise StatusError(error.code, error.reason, error.message, details) from error
    except PatchError as error:
        raise StatusError(error.code, error.reason, error.message) from error
    check_depth(patched)
    return patched


def _tracked(call: Call, before: Resource | None, after: Manifest) -> Manifest:
    """The manifest with a record of who has said what in it, for server-side apply."""
    if call.target.subresource:
        return after
    stored = None if before is None else to_manifest(before)
    now, version = call.services.ports.clock.now(), call.target.type.kind.api_version
    return track(stored, after, _manager(call), version, now)


def _manager(call: Call) -> str:
    """Who writes: as the request says, or the program that sent it."""
    program = call.request.headers.get("user-agent", "").partition("/")[0]
    return call.query.text("fieldManager") or program[:_LONGEST_MANAGER] or "unknown"


def _with_fields(data: bytes, media_type: str) -> bytes:
    """A patch in whose text fields may stand twice."""
    has_fields = media_type.endswith("merge-patch+json")
    return data if has_fields else b""


def _check_fields(call: Call, manifest: Manifest, data: bytes) -> list[str]:
    return check_fields(call.target.type, manifest, data, call.query.text("fieldValidation"))


async def _acknowledge(call: Call, written: Resource, code: int, warnings: list[str]) -> Response:
    if not call.query.is_dry_run:
        await call.services.durability.settle()
    return answer(encode(written), Form(is_pretty=call.form.is_pretty), code, warnings)
