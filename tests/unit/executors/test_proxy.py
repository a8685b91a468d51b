from __future__ import annotations

import base64
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from katib.executors import proxy
from katib.executors.proxy import (
    LOOPBACK,
    MOST_HEAD_BYTES,
    ConnectProxy,
    Target,
    Upstream,
    is_db_manager,
)

DB_MANAGER = "katib-db-manager.kubeflow:6789"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

#: How long a test waits for bytes that do not come, in seconds.
LONGEST = 20.0


class Echo:
    """Greets with its name, gives back what it gets, and says goodbye when it gets no more."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._socket = socket.create_server((LOOPBACK, 0))
        self.target = Target(LOOPBACK, int(self._socket.getsockname()[1]))
        self._threads = [threading.Thread(target=self._run)]
        self._threads[0].start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._talk, args=(connection,)))
            self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(self._name)
                while data := connection.recv(65536):
                    connection.sendall(data)
                connection.sendall(b"bye")
            except OSError:
                return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def echo() -> Iterator[Callable[[bytes], Echo]]:
    made: list[Echo] = []

    def make(name: bytes) -> Echo:
        made.append(Echo(name))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stand() -> Iterator[Callable[..., ConnectProxy]]:
    made: list[ConnectProxy] = []

    def make(
        db_manager: Target,
        port: int = 0,
        upstream: Upstream | None = None,
        passwords: dict[int, str] | None = None,
    ) -> ConnectProxy:
        made.append(ConnectProxy(db_manager, port, upstream, passwords))
        return made[-1]

    yield make
    for one in made:
        one.close()


def nobody() -> Target:
    """A place where nobody listens."""
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        return Target(LOOPBACK, int(held.getsockname()[1]))


def call(proxy: ConnectProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=LONGEST)


def connect(place: str) -> bytes:
    return f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: grpc-c/1\r\n\r\n".encode()


def ask(proxy: ConnectProxy, head: bytes, body: bytes = b"") -> bytes:
    """All that the proxy says, when nothing follows what was sent."""
    with call(proxy) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


NAMES: dict[str, tuple[str, int, bool]] = {
    "the default of the SDK": ("katib-db-manager.kubeflow", 6789, True),
    "the bare name": ("katib-db-manager", 6789, True),
    "another namespace": ("katib-db-manager.team-a", 6789, True),
    "the whole name of the service": ("katib-db-manager.kubeflow.svc.cluster.local", 6789, True),
    "another port": ("katib-db-manager.kubeflow", 6790, False),
    "a name that begins so": ("katib-db-manager-2.kubeflow", 6789, False),
    "a name that ends so": ("my.katib-db-manager", 6789, False),
    "an empty namespace": ("katib-db-manager.", 6789, False),
    "another host": ("example.com", 6789, False),
}


@pytest.mark.parametrize("case", NAMES)
def test_which_names_mean_the_database_manager(case: str) -> None:
    host, port, expected = NAMES[case]
    assert is_db_manager(Target(host, port)) is expected


def test_the_database_manager_is_found_by_its_name(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    here = stand(echo(b"db ").target)
    assert ask(here, connect(DB_MANAGER), b"hello ") == ESTABLISHED + b"db hello bye"


def test_any_other_target_is_connected_as_asked(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    here = stand(nobody())
    other = echo(b"other ").target
    answer = ask(here, connect(f"{other.host}:{other.port}"), b"hello ")
    assert answer == ESTABLISHED + b"other hello bye"


def test_much_is_passed_on_whole(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    here = stand(echo(b"").target)
    much = bytes(range(256)) * 40_000
    with call(here) as connection:
        connection.sendall(connect(DB_MANAGER))
        sender = threading.Thread(target=connection.sendall, args=(much,))
        sender.start()
        found = b""
        while len(found) < len(ESTABLISHED) + len(much):
            found += connection.recv(1 << 20)
        sender.join()
    assert found == ESTABLISHED + much


def test_one_who_says_nothing_holds_up_nobody(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    here = stand(echo(b"db ").target)
    with call(here), call(here) as half:
        half.sendall(b"CONNECT ")
        assert ask(here, connect(DB_MANAGER)) == ESTABLISHED + b"db bye"


def basic(user: str) -> str:
    return f"Basic {base64.b64encode(user.encode()).decode()}"


def is_forgotten(passwords: dict[int, str]) -> bool:
    """Whether the password of a connection is; that takes a moment after its end."""
    deadline = time.monotonic() + LONGEST
    while passwords and time.monotonic() < deadline:
        time.sleep(0.001)
    return not passwords


PASSWORDS: dict[str, tuple[str, str]] = {
    "a password": (f"Proxy-Authorization: {basic('katib:secret')}", "secret"),
    "a password with a colon": (f"Proxy-Authorization: {basic('katib:a:b')}", "a:b"),
    "a password without a name": (f"Proxy-Authorization: {basic(':secret')}", "secret"),
    "small letters": (f"proxy-authorization:  {basic('katib:secret').lower()[:5]} YTpi", "b"),
    "a name without a password": (f"Proxy-Authorization: {basic('katib')}", ""),
    "another scheme": ("Proxy-Authorization: Bearer YTpi", ""),
    "what is no base64": ("Proxy-Authorization: Basic YTp", ""),
    "another header": (f"Authorization: {basic('katib:secret')}", ""),
}


@pytest.mark.parametrize("case", PASSWORDS)
def test_with_which_password_a_connection_came(
    case: str, stand: Callable[..., ConnectProxy]
) -> None:
    header, expected = PASSWORDS[case]
    with socket.create_server((LOOPBACK, 0)) as service:
        service.settimeout(LONGEST)
        passwords: dict[int, str] = {}
        target = Target(LOOPBACK, int(service.getsockname()[1]))
        here = stand(target, passwords=passwords)
        with call(here) as asker:
            asker.sendall(f"CONNECT {DB_MANAGER} HTTP/1.1\r\n{header}\r\n\r\n".encode())
            connection, (_, port) = service.accept()
            with connection:
                assert asker.recv(65536) == ESTABLISHED
                assert passwords == {port: expected}
                # Once both sides have hung up, the port may be anybody's.
                asker.shutdown(socket.SHUT_WR)
                assert connection.recv(1) == b""
                connection.shutdown(socket.SHUT_WR)
                assert asker.recv(1) == b""
                assert is_forgotten(passwords)


def test_a_connection_that_breaks_off_is_forgotten(stand: Callable[..., ConnectProxy]) -> None:
    with socket.create_server((LOOPBACK, 0)) as service:
        service.settimeout(LONGEST)
        passwords: dict[int, str] = {}
        target = Target(LOOPBACK, int(service.getsockname()[1]))
        here = stand(target, passwords=passwords)
        with call(here) as asker:
            head = f"CONNECT {DB_MANAGER} HTTP/1.1\r\nProxy-Authorization: {basic('a:b')}\r\n\r\n"
            asker.sendall(head.encode())
            connection, (_, port) = service.accept()
            assert asker.recv(65536) == ESTABLISHED
            assert passwords == {port: "b"}
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()
            assert is_forgotten(passwords)


def test_a_connection_to_elsewhere_has_no_password(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    passwords: dict[int, str] = {}
    here, other = stand(nobody(), passwords=passwords), echo(b"hello").target
    with call(here) as asker:
        place = f"{other.host}:{other.port}"
        head = f"CONNECT {place} HTTP/1.1\r\nProxy-Authorization: {basic('a:b')}\r\n\r\n"
        asker.sendall(head.encode())
        found = b""
        while len(found) < len(ESTABLISHED + b"hello"):
            found += asker.recv(65536)
        assert passwords == {}


REFUSED: dict[str, tuple[bytes, bytes]] = {
    "another method": (b"GET http://example.com/ HTTP/1.1\r\n\r\n", b"405 Only CONNECT"),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", b"400 "),
    "another version": (b"CONNECT a:1 HTTP/2.0\r\n\r\n", b"400 "),
    "no port": (b"CONNECT example.com HTTP/1.1\r\n\r\n", b"400 "),
    "no host": (b"CONNECT :80 HTTP/1.1\r\n\r\n", b"400 "),
    "the end of it missing": (b"CONNECT a:1 HTTP/1.1\r\n", b"400 "),
    "nothing at all": (b"", b"400 "),
    "a port that is none": (b"CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n", b"502 "),
    "a host that is none": (b"CONNECT a..b:80 HTTP/1.1\r\n\r\n", b"502 "),
    "a host of other bytes": (b"CONNECT \xff\xfe:80 HTTP/1.1\r\n\r\n", b"502 "),
    "too much": (
        b"CONNECT a:1 HTTP/1.1\r\nX: " + b"x" * 2 * MOST_HEAD_BYTES + b"\r\n\r\n",
        b"431 ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused(case: str, stand: Callable[..., ConnectProxy]) -> None:
    head, expected = REFUSED[case]
    assert ask(stand(nobody()), head).startswith(b"HTTP/1.1 " + expected)


@pytest.mark.parametrize("place", [DB_MANAGER, "{0.host}:{0.port}"])
def test_a_target_where_nobody_listens_is_told(
    place: str, stand: Callable[..., ConnectProxy]
) -> None:
    target = nobody()
    answer = ask(stand(target), connect(place.format(target)))
    assert answer.startswith(b"HTTP/1.1 502 Target cannot be reached\r\n")


def test_only_so_many_connections_are_open_at_once(
    echo: Callable[[bytes], Echo],
    stand: Callable[..., ConnectProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy, "MOST_CONNECTIONS", 1)
    here = stand(echo(b"db ").target)
    with call(here) as first:
        first.sendall(connect(DB_MANAGER))
        assert first.recv(100).startswith(ESTABLISHED)
        assert ask(here, b"").startswith(b"HTTP/1.1 503 Too many connections\r\n")
        first.shutdown(socket.SHUT_WR)
        read_all(first)
    # The last bytes may be here a moment before the connection is forgotten.
    answers = (ask(here, connect(DB_MANAGER)) for _ in range(1000))
    assert next(one for one in answers if b"503" not in one) == ESTABLISHED + b"db bye"


def test_one_who_takes_too_long_to_ask_is_sent_away(
    stand: Callable[..., ConnectProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "HEAD_SECONDS", 0.01)
    with call(stand(nobody())) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 408 Request timeout\r\n")


class Recorder:
    """A proxy of the user's, that answers as others do and remembers what it was asked."""

    def __init__(self) -> None:
        self._socket = socket.create_server((LOOPBACK, 0))
        self.target = Target(LOOPBACK, int(self._socket.getsockname()[1]))
        self.asked = b""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            while not self.asked.endswith(b"\r\n\r\n"):
                self.asked += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 Mine\r\n\r\nhello")

    def close(self) -> None:
        self._thread.join()
        self._socket.close()


def test_other_targets_are_reached_through_the_users_proxy(
    stand: Callable[..., ConnectProxy],
) -> None:
    theirs = Recorder()
    here = stand(nobody(), 0, Upstream(theirs.target, "Basic bWU6cHc="))
    with call(here) as connection:
        connection.sendall(connect("[::1]:443"))
        assert read_all(connection) == b"HTTP/1.1 200 Mine\r\n\r\nhello"
    theirs.close()
    assert theirs.asked == (
        b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"
        b"Proxy-Authorization: Basic bWU6cHc=\r\n\r\n"
    )


def test_the_database_manager_needs_no_proxy_of_the_users(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    here = stand(echo(b"db ").target, 0, Upstream(nobody()))
    assert ask(here, connect(DB_MANAGER)) == ESTABLISHED + b"db bye"


URLS: dict[str, tuple[str, Upstream | None]] = {
    "no proxy": ("", None),
    "a proxy": ("http://proxy.me:3128", Upstream(Target("proxy.me", 3128))),
    "a proxy with a slash": ("http://proxy.me:3128/", Upstream(Target("proxy.me", 3128))),
    "a proxy without a port": ("http://proxy.me", Upstream(Target("proxy.me", 80))),
    "a proxy that knows users": (
        "http://me:p%40w@proxy.me:1",
        Upstream(Target("proxy.me", 1), "Basic bWU6cEB3"),
    ),
    "a proxy of another scheme": ("socks5://proxy.me:1", None),
    "a port that is none": ("http://proxy.me:99999", None),
    "no URL": ("http://[", None),
}


@pytest.mark.parametrize("case", URLS)
def test_the_proxies_that_users_have(case: str) -> None:
    url, expected = URLS[case]
    assert Upstream.of(url) == expected


def test_a_taken_port_is_told(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    taken = echo(b"").target.port
    with pytest.raises(OSError, match="ddress already in use"):
        ConnectProxy(nobody(), taken)


def test_a_closed_proxy_ends_its_connections_and_gives_its_port_back(
    echo: Callable[[bytes], Echo], stand: Callable[..., ConnectProxy]
) -> None:
    other = echo(b"db ").target
    first = ConnectProxy(other)
    with call(first) as talking, call(first) as waiting:
        talking.sendall(connect(DB_MANAGER))
        assert talking.recv(len(ESTABLISHED)) == ESTABLISHED
        first.close()
        for connection in (talking, waiting):
            # Broken off, and not only silent: that would be a TimeoutError.
            with suppress(ConnectionError):
                read_all(connection)
    assert ask(stand(other, first.port), connect(DB_MANAGER)) == ESTABLISHED + b"db bye"
