"""Texts that do not change while the server runs, and the choice among their forms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

JSON = "application/json"

#: The parameters of a media type that choose a form; others, as ``charset`` and ``q``, do not.
_CHOOSING = ("g", "v", "as")

_MediaType = tuple[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a document, ready to send.

    Attributes:
        body: the bytes.
        media_type: what they are, with its parameters.
        digest: a hash of the body, in hexadecimal digits: other bytes have another one.
        old_names: other media types that clients ask for when they mean this one.
    """

    body: bytes
    media_type: str
    digest: str
    old_names: Sequence[str] = ()


def json_form(content: Any, media_type: str = JSON) -> Form:
    """A document of plain JSON data."""
    return form(msgspec.json.encode(content), media_type)


def form(body: bytes, media_type: str, old_names: Sequence[str] = ()) -> Form:
    """A document of ready bytes."""
    return Form(body, media_type, hashlib.sha256(body).hexdigest().upper(), old_names)


def document_route(path: str, forms: Sequence[Form]) -> Route:
    """The route of a document.

    It answers with the form that the client likes best, the first one when that is all the same to
    it; with 304 when the client has it already, by its ``ETag``; and with 406 when the client takes
    none of them. A ``hash`` in the query that is the document's makes the answer valid for ever,
    and another one leads to the document as it is now.
    """

    async def answer(request: Request) -> Response:
        chosen = _choose(request.headers.get("accept", ""), forms)
        if chosen is None:
            return _refusal(forms)
        asked = request.query_params.get("hash")
        if asked is not None and asked != chosen.digest:
            return RedirectResponse(f"{path}?hash={chosen.digest}", status_code=301)
        return _response(chosen, request.headers.get("if-none-match", ""), asked is not None)

    return Route(path, answer, methods=["GET"])


def _response(chosen: Form, known: str, is_for_ever: bool) -> Response:
    tag = f'"{chosen.digest}"'
    headers = {"ETag": tag, "Vary": "Accept"}
    if is_for_ever:
        headers["Cache-Control"] = "public, immutable"
    if tag in (part.strip().removeprefix("W/") for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = chosen.media_type
    return Response(chosen.body, headers=headers)


def _refusal(forms: Sequence[Form]) -> Response:
    types = ", ".join(offered.media_type for offered in forms)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"only the following media types are accepted: {types}",
        "reason": "NotAcceptable",
        "code": 406,
    }
    return Response(msgspec.json.encode(status), 406, media_type=JSON)


def _choose(accept: str, forms: Sequence[Form]) -> Form | None:
    asked = [_parse(part) for part in accept.split(",") if part.strip()]
    if not asked:
        return forms[0]
    for type, parameters in sorted(asked, key=_dislike):
        if parameters.get("q") == "0":
            continue
        if type in ("*/*", "application/*"):
            return forms[0]
        for offered in forms:
            names = (offered.media_type, *offered.old_names)
            if (type, _chooses(parameters)) in map(_parse, names):
                return offered
    return None


def _parse(text: str) -> _MediaType:
    type, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return type.lower(), {name.strip(): value.strip() for name, _, value in pairs}


def _chooses(parameters: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in parameters.items() if name in _CHOOSING}


def _dislike(asked: _MediaType) -> float:
    try:
        return -float(asked[1].get("q", "1"))
    except ValueError:
        return 0.0
