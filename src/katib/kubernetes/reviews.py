"""What an API server asks its webhooks, and what they answer. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from katib.api.codec import typed
from katib.api.values import Manifest, Value
from katib.errors import AdmissionError, ManifestError, list_causes, list_errors

#: What of an object a patch of ours changes.
_CHANGED = (("metadata", "labels"), ("metadata", "annotations"), ("spec",))


class _Request(Value, frozen=True):
    uid: str = ""
    operation: str = ""
    namespace: str = ""
    object: Manifest | None = None
    old_object: Manifest | None = None


class _Review(Value, frozen=True):
    api_version: str = ""
    kind: str = ""
    request: _Request | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A question: may this object be?

    Attributes:
        api_version: of the question, and so of the answer.
        uid: of the question.
        operation: ``CREATE`` or ``UPDATE``.
        namespace: of the object.
        object: as it is wanted.
        old: as it is stored; ``None`` when it is new.
    """

    api_version: str
    uid: str
    operation: str
    namespace: str
    object: Manifest
    old: Manifest | None = None

    def allow(self, changed: Manifest | None = None, warnings: Iterable[str] = ()) -> bytes:
        """The answer that it may.

        Args:
            changed: what it is to become; ``None`` for what it is.
            warnings: sentences for whoever asked for it.
        """
        answer: Manifest = {"uid": self.uid, "allowed": True}
        patch = [] if changed is None else find_patch(self.object, changed)
        if patch:
            text = base64.b64encode(msgspec.json.encode(patch)).decode()
            answer |= {"patchType": "JSONPatch", "patch": text}
        if told := list(warnings):
            answer["warnings"] = told
        return self._worded(answer)

    def deny(self, code: int, reason: str, message: str) -> bytes:
        """The answer that it may not.

        Args:
            code: HTTP's.
            reason: one word, as ``Invalid``.
            message: what would be right.
        """
        return self._denied({"code": code, "reason": reason, "message": message})

    def refuse(self, error: AdmissionError) -> bytes:
        """The answer that it is not legal, with everything that is wrong.

        As Katib's, it has no reason: kubectl shows the text of such a refusal, always. Programs
        find each error by itself in its details, which the API server passes on.
        """
        status = {"code": 400, "reason": "", "message": list_errors(error.errors)}
        return self._denied({**status, "details": {"causes": list_causes(error.errors)}})

    def _denied(self, status: Manifest) -> bytes:
        return self._worded({"uid": self.uid, "allowed": False, "status": status})

    def _worded(self, answer: Manifest) -> bytes:
        head = {"apiVersion": self.api_version, "kind": "AdmissionReview"}
        return msgspec.json.encode({**head, "response": answer})


def read_review(body: bytes) -> Review:
    """The question in the body of a request.

    Raises:
        ManifestError: it is none.
    """
    try:
        found = typed(_Review, body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestError("the AdmissionReview", str(error)) from error
    request = found.request
    if found.kind != "AdmissionReview" or request is None or request.object is None:
        raise ManifestError("the AdmissionReview", "it has no request with an object")
    return Review(
        api_version=found.api_version,
        uid=request.uid,
        operation=request.operation,
        namespace=request.namespace,
        object=request.object,
        old=request.old_object,
    )


def find_patch(old: Manifest, new: Manifest) -> list[Manifest]:
    """The JSON patch between two states of an object, as far as we change objects."""
    patch: list[Manifest] = []
    for path in _CHANGED:
        before, after = _at(old, path), _at(new, path)
        if before != after:
            operation = "add" if before is None else "replace"
            patch.append({"op": operation, "path": f"/{'/'.join(path)}", "value": after})
    return patch


def _at(place: Manifest, path: tuple[str, ...]) -> object:
    found: object = place
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
