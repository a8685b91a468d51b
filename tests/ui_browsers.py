"""Browsers of the web UI without a screen: its pages over HTTP, and what they say over a socket."""

from __future__ import annotations

import html
import json
import re
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

#: How long an answer may take, in seconds.
PATIENCE = 60.0


class SocketRefusedError(Exception):
    """A web socket is not opened."""


@dataclass(frozen=True)
class Page:
    """A page as a browser has it.

    Attributes:
        answer: by which it came.
        client: its name, by which its socket speaks for it.
        elements: what is on it, by their numbers, as NiceGUI tells a browser.
    """

    answer: httpx.Response
    client: str
    elements: Mapping[str, Any]

    def button(self, label: str) -> tuple[int, str]:
        """The number of a button, and what listens to it."""
        for number, one in self.elements.items():
            props = one.get("props") or {}
            if label in (props.get("label"), props.get("aria-label")):
                (listener,) = (each for each in one["events"] if each["type"] == "click")
                return int(number), listener["listener_id"]
        raise AssertionError(f"there is no button {label!r}")


@dataclass
class Browser:
    """Asks for pages as one visitor.

    Attributes:
        address: of the UI, with its prefix and without a slash behind it.
        headers: of every request.
    """

    address: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str = "/", method: str = "GET", *, follows: bool = True, **more: Any
    ) -> httpx.Response:
        """One request; redirections are followed unless it is said otherwise."""
        headers = {**self.headers, **more.pop("headers", {})}
        with httpx.Client(timeout=PATIENCE, follow_redirects=follows, cookies=self.cookies) as one:
            answer = one.request(method, f"{self.address}{path}", headers=headers, **more)
            self.cookies = dict(one.cookies.items())
        return answer

    def open(self, path: str = "/") -> Page:
        """A page."""
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        client = re.search(r"'client_id': '([0-9a-f-]{36})'", answer.text)
        elements = re.search(r"parseElements\(String\.raw`(.*?)`\)", answer.text, re.DOTALL)
        assert client is not None, answer.text[-3000:]
        assert elements is not None
        told = html.unescape(elements[1]).replace("\\`", "`")
        return Page(answer, client[1], json.loads(told))

    @contextmanager
    def socket(self, page: str = "", **headers: str) -> Iterator[Socket]:
        """A web socket, opened as by a browser that shows the page.

        Raises:
            SocketRefusedError: it is not opened.
        """
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**self.headers, **({"Cookie": cookies} if cookies else {}), **headers}
        query = f"&client_id={page}" if page else ""
        path = f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket{query}"
        host = sent.pop("Host", "")
        address = f"ws://{self.address.removeprefix('http://')}{path}"
        try:
            # The name by which it is called is not the place where it is.
            named = address.replace(address.split("/")[2], host) if host else address
            place = urlsplit(self.address)
            connection = connect(
                named,
                sock=socket.create_connection((place.hostname or "", place.port or 80)),
                additional_headers=sent,
                open_timeout=PATIENCE,
                max_size=None,
            )
        except InvalidHandshake as error:
            raise SocketRefusedError(str(error)) from error
        with connection:
            yield Socket(connection)


class Socket:
    """An open web socket, on which engine.io and socket.io are spoken."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.heard: list[str] = []
        assert self._receive(PATIENCE).startswith("0")
        connection.send("40")
        if not self._receive(PATIENCE).startswith("40"):
            raise SocketRefusedError("the page is another's")

    def shake_hands(self, page: str) -> bool:
        """Say that the socket belongs to a page; whether that is believed."""
        told = {
            "client_id": page,
            "tab_id": str(uuid.uuid4()),
            "old_tab_id": None,
            "document_id": str(uuid.uuid4()),
            "next_message_id": 0,
        }
        self._connection.send(f"420{json.dumps(['handshake', told])}")
        while not (message := self._receive(PATIENCE)).startswith("430"):
            self._note(message)
        (answer,) = json.loads(message[3:])
        return bool(answer)

    def press(self, page: Page, label: str) -> None:
        """What a browser says when a button is pressed."""
        element, listener = page.button(label)
        told = {"client_id": page.client, "id": element, "listener_id": listener, "args": ["{}"]}
        self._connection.send(f"42{json.dumps(['event', told])}")

    def wait(self, event: str, seconds: float) -> bool:
        """Whether something is heard in time; what was heard before is forgotten then."""
        deadline = time.monotonic() + seconds
        while event not in self.heard:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                self._note(self._receive(left))
            except TimeoutError:
                return False
        self.heard.clear()
        return True

    def _note(self, message: str) -> None:
        if message.startswith("42"):
            self.heard.append(json.loads(message[2:])[0])

    def _receive(self, seconds: float) -> str:
        """The next message; the server's questions whether we are there are answered."""
        while True:
            try:
                message = self._connection.recv(timeout=seconds)
            except ConnectionClosed as error:
                raise SocketRefusedError(str(error)) from error
            if message != "2":
                return str(message)
            self._connection.send("3")
