"""Who may ask: whoever carries the token."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from katib.api_server.statuses import unauthorized

#: Asked by whoever waits for the server, and by kubectl before anything else.
OPEN_PATHS = frozenset(("/healthz", "/livez", "/readyz", "/version"))


def check_token(request: Request, token: str) -> None:
    """Let the request pass, or not; how long that takes tells nothing about the token.

    Raises:
        StatusError: 401, there is no bearer token or it is another.
    """
    if request.url.path in OPEN_PATHS:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = token.encode()
    is_same = hmac.compare_digest(given.strip().encode(), right)
    if scheme.lower() != "bearer" or not right or not is_same:
        raise unauthorized()
