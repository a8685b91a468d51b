"""From a request to the function that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from katib.api_server.answers import Form, negotiate
from katib.api_server.deleting import delete_collection, delete_object
from katib.api_server.logs import read_log
from katib.api_server.observation_logs import read_observation_log
from katib.api_server.reading import read_collection, read_object
from katib.api_server.reviews import REVIEWS, review
from katib.api_server.services import Call, Services
from katib.api_server.statuses import method_not_allowed
from katib.api_server.targets import Query, Target, parse_path
from katib.api_server.writing import create, patch, replace_object

Handler = Callable[[Call], Awaitable[Response]]

#: Method → verb → handler: of a collection, and of one object.
_OF_COLLECTIONS: Mapping[str, tuple[str, Handler]] = {
    "GET": ("list", read_collection),
    "POST": ("create", create),
    "DELETE": ("deletecollection", delete_collection),
}
_OF_OBJECTS: Mapping[str, tuple[str, Handler]] = {
    "GET": ("get", read_object),
    "PUT": ("update", replace_object),
    "PATCH": ("patch", patch),
    "DELETE": ("delete", delete_object),
}
#: What can only be read, below an object.
_PARTS: Mapping[str, Handler] = {"log": read_log, "observationlog": read_observation_log}


async def handle(services: Services, request: Request) -> Response:
    """Answer a request for resources.

    Raises:
        StatusError: it fails, with the answer to give.
    """
    target = parse_path(request.url.path)
    query = Query(request.query_params)
    handler = _handler(request.method, target)
    # A log is text; whatever a client accepts beside it is of no use.
    is_log = target.subresource == "log"
    form = Form() if is_log else negotiate(request, query.flag("pretty"))
    return await handler(Call(services, request, target, query, form))


def _handler(method: str, target: Target) -> Handler:
    part = _PARTS.get(target.subresource)
    if part is not None:
        if method != "GET":
            raise method_not_allowed()
        return part
    verb, handler = _entry(method, target)
    if target.subresource == "status" and verb not in ("get", "update", "patch"):
        raise method_not_allowed()
    if verb not in target.type.verbs:
        raise method_not_allowed()
    if verb == "create":
        if target.type.kind in REVIEWS:
            return review
        if target.type.is_namespaced and target.namespace is None:
            raise method_not_allowed()
    return handler


def _entry(method: str, target: Target) -> tuple[str, Handler]:
    entries = _OF_COLLECTIONS if target.name is None else _OF_OBJECTS
    entry = entries.get(method)
    if entry is None:
        raise method_not_allowed()
    return entry
