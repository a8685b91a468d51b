from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from katib.api.codec import dump_yaml
from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.apps import operating
from katib.apps.operating import Operator, Options
from katib.apps.operator import DBManager
from katib.errors import KatibError, StoreAwayError
from katib.kubernetes.client import KubernetesClient

PATIENCE = 30.0

#: By the path of their group and version, what is served there.
KINDS = {
    "/apis/kubeflow.org/v1beta1": (EXPERIMENTS, SUGGESTIONS, TRIALS),
    "/apis/apps/v1": (DEPLOYMENTS,),
    "/api/v1": (SERVICES, PERSISTENT_VOLUME_CLAIMS),
}
LISTS = {f"{path}/{kind.plural}" for path, kinds in KINDS.items() for kind in kinds}


class Api:
    """An API server that has nothing, and whose Lease is another operator's."""

    def __init__(self, folder: Path) -> None:
        self.lease_is_asked_for = threading.Event()
        self.is_over = threading.Event()
        self.refused = ""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "watch=true" in self.path:
                    self._send(200, b"")
                    api.is_over.wait(PATIENCE)
                    return
                body = api.answer(self.path)
                code = 403 if body is None else 200 if body else 404
                self._send(code, json.dumps(body or {}).encode())

            def _send(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        cluster = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            dump_yaml(
                {
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "me", "user": {}}],
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                    "current-context": "here",
                }
            )
        )

    def answer(self, path: str) -> Any:
        """The body; empty for what is not there, ``None`` for what is refused."""
        path = path.partition("?")[0]
        if path in KINDS:
            served = [
                {"name": one.plural, "kind": one.name, "namespaced": True} for one in KINDS[path]
            ]
            return {"resources": served}
        if path == self.refused:
            return None
        if path in LISTS:
            return {"metadata": {"resourceVersion": "1"}, "items": []}
        if path.startswith("/apis/coordination.k8s.io/v1/"):
            self.lease_is_asked_for.set()
            spec = {"holderIdentity": "another", "renewTime": str(time.monotonic())}
            return {"metadata": {"name": "x", "resourceVersion": "1"}, "spec": spec}
        if path == "/version":
            return {"major": "1", "minor": "20"}
        if "/secrets/" in path:
            return {"metadata": {"name": "x", "resourceVersion": "1"}, "data": {"trials.key": KEY}}
        return {}

    def close(self) -> None:
        self.is_over.set()
        self._server.shutdown()
        self._server.server_close()


#: Thirty-two bytes.
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(api: Api) -> KubernetesClient:
    return KubernetesClient.connect(api.kubeconfig)


@pytest.fixture
def operator(client: KubernetesClient, tmp_path: Path) -> Operator:
    controller = {
        "healthzAddr": "127.0.0.1:0",
        "metricsAddr": "127.0.0.1:0",
        "enableLeaderElection": True,
    }
    path = tmp_path / "katib-config.yaml"
    path.write_text(dump_yaml({"init": {"controller": controller}}))
    options = Options(
        DBManager("127.0.0.1:1"), "kubeflow", config=path, stops_address="127.0.0.1:0"
    )
    return Operator(client, options)


def test_one_that_waits_for_its_turn_to_lead_can_be_stopped(api: Api, operator: Operator) -> None:
    thread = threading.Thread(target=operator.run, args=(print,), daemon=True)
    thread.start()
    assert api.lease_is_asked_for.wait(PATIENCE)
    operator.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_so_can_one_that_is_only_about_to(operator: Operator) -> None:
    operator.stop()
    thread = threading.Thread(target=operator.run, args=(print,), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.parametrize("refused", sorted(LISTS))
def test_a_right_that_is_missing_is_waited_for(
    refused: str,
    api: Api,
    operator: Operator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operating, "LOOK_AGAIN", 0.05)
    api.refused = refused
    thread = threading.Thread(target=operator.run, args=(print,), daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while f"waiting for {refused.rpartition('/')[2]}: the API server refuses" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not api.lease_is_asked_for.is_set()
    api.refused = ""
    assert api.lease_is_asked_for.wait(PATIENCE)
    operator.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


class Elected:
    """An election that is won, and lost when a test says so."""

    is_leader = True
    losing: ClassVar[list[Callable[[], None]]] = []

    def __init__(self, *around: Any) -> None:
        self.losing[:] = [around[-1]]

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing is held."""


def test_one_that_leads_no_more_asks_for_nothing_from_then_on(
    operator: Operator, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "LeaderElection", Elected)
    works, ends = threading.Event(), list[KatibError]()

    def work() -> None:
        try:
            operator.run(works.set)
        except KatibError as error:
            ends.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert works.wait(PATIENCE)
    client.request("GET", "/version")
    (lose,) = Elected.losing
    lose()
    with pytest.raises(StoreAwayError, match="this client is closed"):
        client.request("GET", "/version")
    thread.join(PATIENCE)
    assert [str(error) for error in ends] == ["another operator leads now; this one begins anew"]
