from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from katib.api.codec import dump_yaml
from katib.apps.operating import Operator, Options
from katib.apps.operator import DBManager
from katib.errors import ConfigurationError
from katib.kubernetes.client import KubernetesClient

PATIENCE = 30.0


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """An operator of an API server that is away."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.port = a_free_port()
        server = {"server": f"http://127.0.0.1:{a_free_port()}"}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "away", "cluster": server}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "away", "context": {"cluster": "away", "user": "me"}}],
            "current-context": "away",
        }
        (folder / "kubeconfig").write_text(dump_yaml(kubeconfig))
        controller = {"healthzAddr": f"127.0.0.1:{self.port}", "metricsAddr": "127.0.0.1:0"}
        path = folder / "katib-config.yaml"
        path.write_text(config or dump_yaml({"init": {"controller": controller}}))
        options = Options(DBManager("127.0.0.1:1"), "kubeflow", config=path)
        client = KubernetesClient.connect(folder / "kubeconfig")
        self.told: list[bool] = []
        self.operator = Operator(client, options)
        self.thread = threading.Thread(target=self.operator.run, args=(self._tell,))

    def ask(self, path: str) -> tuple[int, str]:
        """What a probe is answered; 0 when nobody listens yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError:
            return 0, ""

    def _tell(self) -> None:
        self.told.append(True)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    stage.thread.start()
    yield stage
    stage.operator.stop()
    stage.thread.join(PATIENCE)
    assert not stage.thread.is_alive()


def test_an_api_server_that_is_away_is_waited_for_and_that_is_told(stage: Stage) -> None:
    deadline = time.monotonic() + PATIENCE
    while "waiting for experiments" not in stage.ask("/readyz")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    code, trouble = stage.ask("/readyz")
    assert code == 503
    assert "the API server does not answer" in trouble
    assert stage.ask("/healthz") == (200, "ok"), "a restart would not help"
    assert stage.told == []


def test_it_can_be_stopped_while_it_waits(stage: Stage) -> None:
    stage.operator.stop()
    stage.thread.join(PATIENCE)
    assert not stage.thread.is_alive()
    assert stage.ask("/healthz") == (0, "")


def test_a_configuration_that_is_not_legal_ends_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "runtime: 3")
    with pytest.raises(ConfigurationError, match="runtime: 3 must be a map"):
        stage.operator.run(print)
