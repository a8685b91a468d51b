from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.client import Configuration

from katib.api.trial import Trial, TrialSpec
from katib.api.values import Manifest, ObjectMeta
from katib.cli.diagnosis.cluster import ClusterPlace
from katib.kubernetes.client import KubernetesClient

TRIAL = Trial(
    metadata=ObjectMeta(name="one", namespace="team", uid="u1"),
    spec=TrialSpec(primary_container_name="main"),
)
DEPLOYMENTS, PODS = "/apis/apps/v1/deployments", "/api/v1/namespaces/team/pods"
EVENTS, LOG = "/api/v1/namespaces/team/events", f"{PODS}/new/log"


class Server:
    """An API server that has some answers, and refuses the rest."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: dict[str, dict[str, list[str]]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        self.asked[parts.path] = parse_qs(parts.query)
        found = self.answers.get(parts.path)
        status = {"kind": "Status", "code": 403, "message": "not for you"}
        body = found if isinstance(found, bytes) else json.dumps(found or status).encode()
        request.send_response(403 if found is None else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def list(self, path: str, *items: Manifest) -> None:
        self.answers[path] = {"items": items}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def place(server: Server) -> Iterator[ClusterPlace]:
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{server.http.server_port}"
    client = KubernetesClient(configuration, "default")
    yield ClusterPlace(client)
    client.close()


def a_deployment(namespace: str, ready: int) -> Manifest:
    return {"metadata": {"namespace": namespace}, "status": {"readyReplicas": ready}}


def a_pod(name: str, created: str) -> Manifest:
    annotations = {"kubectl.kubernetes.io/default-container": "collector"}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations},
    }


def test_an_operator_that_works_is_named(server: Server, place: ClusterPlace) -> None:
    server.list(DEPLOYMENTS, a_deployment("old", 0), a_deployment("kubeflow", 1))
    assert place.engine() == "katib-controller in the namespace kubeflow"
    assert server.asked[DEPLOYMENTS] == {"fieldSelector": ["metadata.name=katib-controller"]}
    assert place.words.engine_log == "kubectl -n kubeflow logs deployment/katib-controller"


def test_an_operator_without_a_pod_is_absent(server: Server, place: ClusterPlace) -> None:
    server.list(DEPLOYMENTS, a_deployment("kubeflow", 0))
    assert place.engine() is None
    assert "kubectl -n kubeflow describe deployment katib-controller" in place.words.revive


def test_an_operator_that_cannot_be_seen_may_be_there(server: Server, place: ClusterPlace) -> None:
    assert place.engine() == "an operator that cannot be seen from here"
    server.list(DEPLOYMENTS)
    assert place.engine() == "an operator that cannot be seen from here"


def test_events_are_those_of_the_resource_by_time(server: Server, place: ClusterPlace) -> None:
    late, early = ({"lastTimestamp": f"2026-01-01T00:00:0{n}Z", "reason": str(n)} for n in (9, 1))
    server.list(EVENTS, late, early)
    assert place.events(TRIAL) == [early, late]
    assert server.asked[EVENTS] == {"fieldSelector": ["involvedObject.uid=u1"]}


def test_the_log_is_that_of_who_prints_in_the_newest_pod(
    server: Server, place: ClusterPlace
) -> None:
    server.list(PODS, a_pod("new", "2026-01-02T00:00:00Z"), a_pod("old", "2026-01-01T00:00:00Z"))
    server.answers[LOG] = b"accuracy=1\n"
    assert place.log_of(TRIAL) == "kubectl -n team logs new -c collector"
    assert place.log_tail(TRIAL) == "accuracy=1\n"
    assert server.asked[LOG]["container"] == ["collector"]
    assert server.asked[PODS] == {"labelSelector": ["katib.kubeflow.org/trial=one"]}


def test_what_is_gone_or_refused_is_not_known(server: Server, place: ClusterPlace) -> None:
    assert place.events(TRIAL) == []
    assert (place.log_of(TRIAL), place.log_tail(TRIAL)) == ("", "")
    server.list(PODS)
    assert (place.log_of(TRIAL), place.log_tail(TRIAL)) == ("", "")
    server.list(PODS, a_pod("new", "2026-01-02T00:00:00Z"))
    assert place.log_tail(TRIAL) == ""
