"""What tests in a cluster share: the cluster, a client of it, a namespace of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from definitions import define_as, let_go
from stage import Stage
from trials import Heard

from control_plane import ControlPlane, find_gap
from katib.api.experiment import EXPERIMENTS
from katib.api.trial import TRIALS
from katib.apps.clock import SystemClock
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.crds import definitions
from katib.kubernetes.pace import Pace
from katib.stores.kubernetes import KubernetesStore

_NUMBERS = count()

#: So often that no test waits for its turn.
UNHURRIED = Pace(per_second=5_000.0, burst=5_000)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A control plane that tests may hurt; its kubeconfig is the administrator's."""
    gap = find_gap()
    if gap:
        pytest.skip(gap)
    plane = ControlPlane()
    try:
        plane.start()
        yield plane
    finally:
        plane.close()


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The administrator's kubeconfig of the cluster: an existing one, or one of our own."""
    named = os.environ.get("KATIB_TEST_KUBECONFIG")
    if named:
        return Path(named)
    plane: ControlPlane = request.getfixturevalue("control_plane")
    return plane.kubeconfig


@pytest.fixture(scope="session")
def administrator(kubeconfig: Path) -> Iterator[KubernetesClient]:
    """A client that may do everything, of a cluster that knows our kinds."""
    client = KubernetesClient.connect(kubeconfig, pace=UNHURRIED)
    for definition in definitions():
        define_as(client, definition)
    yield client
    client.close()


@pytest.fixture
def client(administrator: KubernetesClient, kubeconfig: Path) -> Iterator[KubernetesClient]:
    """A client for one test."""
    client = KubernetesClient.connect(kubeconfig, pace=UNHURRIED)
    yield client
    client.close()


@pytest.fixture
def namespace(administrator: KubernetesClient) -> Iterator[str]:
    """A namespace of the test's own; what is in it goes with it."""
    name = f"test-{next(_NUMBERS)}-{uuid4().hex[:6]}"
    body = msgspec.json.encode({"metadata": {"name": name}})
    administrator.request("POST", "/api/v1/namespaces", body=body)
    yield name
    for kind in (EXPERIMENTS, TRIALS):
        # The operator that would do it is gone.
        let_go(administrator, kind, name)
    administrator.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def store(client: KubernetesClient, namespace: str) -> Iterator[KubernetesStore]:
    store = KubernetesStore(client, SystemClock(), namespace)
    yield store
    store.close()


@pytest.fixture
def heard(store: KubernetesStore, namespace: str) -> Heard:
    assert store.list(TRIALS) == []
    heard = Heard(namespace)
    store.subscribe(heard)
    return heard


@pytest.fixture
def stage(
    client: KubernetesClient, kubeconfig: Path, namespace: str, tmp_path: Path
) -> Iterator[Stage]:
    """A namespace with all that runs experiments there; its operator is to be started."""
    stage = Stage(client, kubeconfig, namespace, tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def running_operator(stage: Stage) -> None:
    """The stage's operator runs."""
    stage.operator.start()
