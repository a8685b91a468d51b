"""Who may see and do what: asked of the cluster for each user, namespace and verb."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from katib.api.names import API_VERSION
from katib.client.backend import Backend
from katib.errors import KatibError

#: Where a visitor is kept in a request's scope, once the door has let them in.
VISITOR = "katib.visitor"

#: How long an answer is believed, in seconds: a right that is taken away ends soon.
BELIEVED_SECONDS = 10.0

_GROUP, _, _VERSION = API_VERSION.partition("/")

_REVIEWS = "authorization.k8s.io/v1"

#: The groups of what the pages show; all else is of the core group.
_OURS = ("experiments", "suggestions", "trials")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page.

    Attributes:
        name: as the cluster knows the user; empty where everybody who is let in owns the engine.
        groups: of the user, as the proxy before the UI tells them.
    """

    name: str = ""
    groups: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody wants to do.

    Attributes:
        verb: ``get``, ``list``, ``create``, ``update``, ``delete``…
        resource: its plural; a part of it behind a slash, as ``pods/log``.
        namespace: where; empty for everywhere.
        name: of the one resource; empty for any.
    """

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""


class ForbiddenError(KatibError):
    """The user may not do that; the text says what, and who could give the right."""

    def __init__(self, visitor: Visitor, deed: Deed, reason: str = "") -> None:
        group = f"{API_VERSION}/" if deed.resource in _OURS else "v1/"
        where = f" in namespace: {deed.namespace}" if deed.namespace else ""
        why = f" ,reason: {reason}" if reason else ""
        super().__init__(
            f"User: {visitor.name} is not authorized to {deed.verb} {group}{deed.resource}"
            f"{where}{why}"
        )


class Rights(Protocol):
    """Says who may do what. May be asked from any thread."""

    def check(self, visitor: Visitor, deed: Deed) -> None:
        """Return if the visitor may do it.

        Raises:
            ForbiddenError: no.
            KatibError: nobody answers.
        """
        ...


class OwnerRights:
    """Whoever is let in owns the engine, and may do everything."""

    def check(self, visitor: Visitor, deed: Deed) -> None:
        """See :class:`Rights`."""


class ClusterRights:
    """The cluster's own rules decide, by SubjectAccessReviews.

    Args:
        backend: of the cluster; its account may create such reviews.
        is_local: whether it may do so in single namespaces only.
        monotonic: tells how old an answer is.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        is_local: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend, self._is_local, self._monotonic = backend, is_local, monotonic
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, tuple[str, ...], Deed], tuple[float, bool, str]] = {}

    def check(self, visitor: Visitor, deed: Deed) -> None:
        """See :class:`Rights`."""
        key, now = (visitor.name, tuple(visitor.groups), deed), self._monotonic()
        with self._lock:
            asked, is_allowed, reason = self._answers.get(key, (-BELIEVED_SECONDS, False, ""))
        if now - asked >= BELIEVED_SECONDS:
            is_allowed, reason = self._ask(visitor, deed)
            with self._lock:
                self._answers = {
                    one: answer
                    for one, answer in self._answers.items()
                    if now - answer[0] < BELIEVED_SECONDS
                }
                self._answers[key] = now, is_allowed, reason
        if not is_allowed:
            raise ForbiddenError(visitor, deed, reason)

    def _ask(self, visitor: Visitor, deed: Deed) -> tuple[bool, str]:
        resource, _, part = deed.resource.partition("/")
        is_ours = resource in _OURS
        attributes = {
            "verb": deed.verb,
            "group": _GROUP if is_ours else "",
            "version": _VERSION if is_ours else "v1",
            "resource": resource,
            "subresource": part,
            "namespace": deed.namespace,
            "name": deed.name,
        }
        spec = {
            "user": visitor.name,
            "groups": list(visitor.groups),
            "resourceAttributes": {key: value for key, value in attributes.items() if value},
        }
        is_local = self._is_local and bool(deed.namespace)
        review = {
            "apiVersion": _REVIEWS,
            "kind": "LocalSubjectAccessReview" if is_local else "SubjectAccessReview",
            "metadata": {"namespace": deed.namespace} if is_local else {},
            "spec": spec,
        }
        place = f"namespaces/{quote(deed.namespace, safe='')}/local" if is_local else ""
        path = f"/apis/{_REVIEWS}/{place}subjectaccessreviews"
        status = self._backend.ask("POST", path, review).get("status") or {}
        return bool(status.get("allowed")), str(status.get("reason") or "")
