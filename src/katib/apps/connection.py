"""Speaking with the server of a home, from this machine."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from katib.api.values import Manifest
from katib.apps.home import Home
from katib.apps.kubeconfig import read_token
from katib.apps.server_record import ServerRecord
from katib.errors import KatibError

#: How long an answer may take, in seconds.
PATIENCE = 30.0


class ServerRefusedError(KatibError):
    """The server of a home has refused a request.

    Attributes:
        code: of HTTP.
        reason: one word for programs, as ``NotFound``; empty where Kubernetes gives none.
    """

    def __init__(self, code: int, reason: str, message: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(message)


class ServerAwayError(KatibError):
    """The server of a home does not answer."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(
            f"the server at {address} does not answer: {problem}. Look with: katib status; start "
            "it again with: katib up. What it has acknowledged is kept"
        )


class Connection:
    """Asks a home's server; each request has a connection of its own.

    Args:
        home: whose token is carried.
        record: where the server is.
        patience: how long an answer may take, in seconds.
    """

    def __init__(self, home: Home, record: ServerRecord, patience: float = PATIENCE) -> None:
        self._address, self._patience = record.address, patience
        self._token = read_token(home)
        self._context: ssl.SSLContext | None = None
        if record.address.startswith("https:"):
            authority = home.path / "tls" / "ca.crt"
            self._context = ssl.create_default_context(cafile=str(authority))

    def is_ready(self) -> bool:
        """Whether the server answers."""
        try:
            return self._send("GET", "/readyz", None, "")[0] == 200
        except ServerAwayError:
            return False

    def ask(
        self, method: str, path: str, body: Any = None, media_type: str = "application/json"
    ) -> Manifest:
        """The answer to a request.

        Args:
            method: of HTTP.
            path: with its query.
            body: plain JSON data.
            media_type: what the body is.

        Raises:
            ServerRefusedError: the server says why.
            ServerAwayError: there is no answer.
        """
        code, data = self._send(method, path, body, media_type)
        try:
            answer: Manifest = json.loads(data)
        except ValueError:
            answer = {"message": data.decode(errors="replace")}
        if code >= 300:
            message = str(answer.get("message") or f"HTTP {code}")
            raise ServerRefusedError(code, str(answer.get("reason") or ""), message)
        return answer

    def _send(self, method: str, path: str, body: Any, media_type: str) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        data = None
        if body is not None:
            data, headers["content-type"] = json.dumps(body).encode(), media_type
        connection = self._open()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerAwayError(self._address, str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._address)
        host, port = parts.hostname or "", parts.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=self._patience)
        return http.client.HTTPSConnection(
            host, port, timeout=self._patience, context=self._context
        )
