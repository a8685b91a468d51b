from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest
from kubernetes.client import Configuration

from katib.api.codec import dump_yaml
from katib.errors import ConfigurationError, RequestRefusedError, StoreAwayError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.pace import Pace

Handler = BaseHTTPRequestHandler
Reply = Callable[[Handler], None]

PATH = "/api/v1/pods"


@dataclass
class Server:
    """Answers requests one after the other as it is told."""

    replies: list[Reply] = field(default_factory=list)
    seen: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    url: str = ""


def answer(code: int, body: bytes = b"{}", **headers: str) -> Reply:
    def reply(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def stream(chunks: list[bytes], hold: threading.Event | None = None) -> Reply:
    """A body in chunks, which ends when ``hold`` is set."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            handler.wfile.flush()
        if hold is not None:
            hold.wait(10)
        handler.wfile.write(b"0\r\n\r\n")

    return reply


@pytest.fixture
def server() -> Iterator[Server]:
    script = Server()

    class Scripted(Handler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.seen.append((self.command, self.path, body, dict(self.headers)))
            script.replies.pop(0)(self)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    script.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield script
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[KubernetesClient]:
    configuration = Configuration()
    configuration.host = server.url
    configuration.api_key["authorization"] = "Bearer secret"
    client = KubernetesClient(configuration, "team")
    yield client
    client.close()


def test_a_request_carries_credentials_query_and_body(
    server: Server, client: KubernetesClient
) -> None:
    server.replies.append(answer(201, b'{"made":1}'))
    calls: list[tuple[str, str]] = []
    client.on_call = lambda method, path: calls.append((method, path))
    query = {"dryRun": "All", "labelSelector": "a in (b)"}
    assert client.request("POST", PATH, query=query, body=b'{"a":1}') == b'{"made":1}'
    ((method, path, body, headers),) = server.seen
    assert (method, path, body) == (
        "POST",
        f"{PATH}?dryRun=All&labelSelector=a+in+%28b%29",
        b'{"a":1}',
    )
    assert headers["authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("katib/")
    assert calls == [("POST", PATH)]


def test_a_busy_server_is_asked_again_when_it_says(
    server: Server, client: KubernetesClient
) -> None:
    server.replies += [answer(429, Retry_After="0.2"), answer(429, Retry_After="0.1"), answer(200)]
    began = monotonic()
    assert client.request("GET", PATH) == b"{}"
    assert 0.3 <= monotonic() - began < 5.0
    assert len(server.seen) == 3


def test_a_server_that_stays_busy_is_away(server: Server, client: KubernetesClient) -> None:
    server.replies += [answer(429, Retry_After="0") for _ in range(10)]
    with pytest.raises(StoreAwayError):
        client.request("GET", PATH)
    assert server.replies == []


def test_a_server_that_is_not_there_is_away(server: Server, client: KubernetesClient) -> None:
    configuration = Configuration()
    configuration.host = "http://127.0.0.1:9"
    nobody = KubernetesClient(configuration, "team")
    with pytest.raises(StoreAwayError, match="does not answer /api/v1/pods"):
        nobody.request("GET", PATH)
    with pytest.raises(StoreAwayError):
        nobody.watch(PATH)


def test_a_refusal_is_the_servers(server: Server, client: KubernetesClient) -> None:
    server.replies.append(answer(403, b'{"kind":"Status","message":"pods is forbidden"}'))
    with pytest.raises(RequestRefusedError, match="pods is forbidden"):
        client.request("GET", PATH)


def test_calls_keep_their_pace(server: Server) -> None:
    configuration = Configuration()
    configuration.host = server.url
    client = KubernetesClient(configuration, "team", Pace(per_second=20.0, burst=2))
    server.replies += [answer(200) for _ in range(6)]
    began = monotonic()
    for _ in range(6):
        client.request("GET", PATH)
    assert monotonic() - began >= 0.19
    client.close()


def test_a_watch_gives_lines_however_they_come(server: Server, client: KubernetesClient) -> None:
    server.replies.append(stream([b'{"a":', b'1}\n{"b":2}\n{"c"', b":3}\n", b'{"half']))
    watch = client.watch(PATH, {"resourceVersion": "7"})
    # What has no end was never sent whole.
    assert list(watch) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    (_, path, _, _) = server.seen[0]
    assert path == f"{PATH}?timeoutSeconds=290&resourceVersion=7&watch=true"


def test_a_watch_is_refused_as_requests_are(server: Server, client: KubernetesClient) -> None:
    server.replies.append(answer(403, b'{"kind":"Status","message":"pods is forbidden"}'))
    with pytest.raises(RequestRefusedError, match="pods is forbidden"):
        client.watch(PATH)


@pytest.mark.parametrize("is_whole_client", [False, True])
def test_a_watch_that_waits_can_be_closed(
    server: Server, client: KubernetesClient, is_whole_client: bool
) -> None:
    hold = threading.Event()
    server.replies.append(stream([b"{}\n"], hold))
    watch = client.watch(PATH)
    assert next(watch) == b"{}"
    rest: list[bytes] = []
    reader = threading.Thread(target=lambda: rest.extend(watch))
    reader.start()
    began = monotonic()
    (client if is_whole_client else watch).close()
    reader.join(5)
    assert not reader.is_alive()
    assert monotonic() - began < 2.0
    assert rest == []
    hold.set()


def test_a_client_that_is_closed_asks_nothing(server: Server, client: KubernetesClient) -> None:
    client.close()
    with pytest.raises(StoreAwayError, match="closed"):
        client.request("GET", PATH)
    assert server.seen == []


def kubeconfig(folder: Path, **context: str) -> Path:
    text = dump_yaml(
        {
            "clusters": [{"name": "c", "cluster": {"server": "http://one:1"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [
                {"name": "x", "context": {"cluster": "c", "user": "u", **context}},
                {"name": "y", "context": {"cluster": "c", "user": "u", "namespace": "other"}},
            ],
            "current-context": "x",
        }
    )
    path = folder / "kubeconfig"
    path.write_text(text)
    return path


def test_the_namespace_is_that_of_the_context(tmp_path: Path) -> None:
    assert KubernetesClient.connect(kubeconfig(tmp_path)).namespace == "default"
    assert KubernetesClient.connect(kubeconfig(tmp_path, namespace="mine")).namespace == "mine"
    assert KubernetesClient.connect(kubeconfig(tmp_path), "y").namespace == "other"


def test_a_missing_kubeconfig_or_context_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"in .*nowhere: there is no such file; name"):
        KubernetesClient.connect(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="name z in"):
        KubernetesClient.connect(kubeconfig(tmp_path), "z")


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfe", b"3", b"contexts: 3", b"users: [{}]"])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"no cluster is found in .*kubeconfig: .*; name"):
        KubernetesClient.connect(path)
