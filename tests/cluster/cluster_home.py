"""A cluster in the place of a laptop's home: the same files lead there, so the same tests can."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import msgspec
from command_line import Answer, Katib
from kubectl import Cluster
from machine import Machine
from processes import IMAGE, Program, a_db_manager, a_free_port, wait_for

from journeys import OTHERS
from katib.api import codec
from katib.api.values import Manifest
from katib.apps.webhook_certificates import PATHS
from katib.errors import AlreadyExistsError, NotFoundError
from katib.executors.proxy import ConnectProxy, Target
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions
from katib.kubernetes.install.parts import CONTROLLER
from katib.kubernetes.install.webhooks import webhooks
from katib.kubernetes.sidecars import LOGGER

#: Where the operator's own Service and Secret are.
CORE = "kubeflow"


class ClusterHome:
    """A home whose server is a cluster with an operator of all namespaces, webhooks and a node.

    Args:
        client: of the API server, as the administrator.
        kubeconfig: the administrator's; the authority's key is beside it.
        folder: for files.
        python: the interpreter that trials find.

    Attributes:
        katib: the home, as journeys know it.
    """

    def __init__(
        self, client: KubernetesClient, kubeconfig: Path, folder: Path, python: str
    ) -> None:
        self._client, self._kubeconfig = client, kubeconfig
        self.katib = ClusterKatib(folder / "home", folder / "folder", client)
        for place in (self.katib.home, self.katib.folder):
            place.mkdir()
        shutil.copy(kubeconfig, self.katib.home)
        with ExitStack() as ends:
            db_manager, address = a_db_manager(folder)
            ends.callback(db_manager.close)
            db_manager.start()
            host, _, port = address.rpartition(":")
            (self.katib.home / "push.json").write_text(json.dumps({"dbManager": int(port)}))
            # The database manager's name in a cluster leads to it.
            proxy = ConnectProxy(Target(host, int(port)))
            ends.callback(proxy.close)
            self._introduce(webhook_port := a_free_port())
            ends.callback(self._withdraw)
            authority = kubeconfig.parent / "pki"
            variables = {
                "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
                "grpc_proxy": f"http://{host}:{proxy.port}",
            }
            work = self.katib.folder
            machine = Machine(client, authority, folder / "machine", work, variables)
            ends.callback(machine.close)
            self.operator = self._operator(folder, address, webhook_port)
            ends.callback(self.operator.close)
            self.operator.start()
            wait_for(self._is_trusted, "the API server trusts the webhooks")
            self._ends = ends.pop_all()

    def close(self) -> None:
        """End everything that was started; experiments go first."""
        for plural in ("experiments", "trials", "suggestions"):
            self.delete_all(plural)
        self._ends.close()

    def delete_all(self, plural: str) -> None:
        """Delete the resources of one of our kinds, wherever they are, and wait for that."""
        root = "/apis/kubeflow.org/v1beta1"

        def left() -> Sequence[Manifest]:
            listed: Manifest = msgspec.json.decode(self._client.request("GET", f"{root}/{plural}"))
            items: Sequence[Manifest] = listed["items"]
            return items

        for one in left():
            namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
            with suppress(NotFoundError):
                path = f"{root}/namespaces/{namespace}/{plural}/{name}"
                self._client.request("DELETE", path)
        wait_for(lambda: not left(), f"all {plural} are gone")

    def _introduce(self, port: int) -> None:
        """Tell the API server of the webhooks, as an installation does.

        Nothing routes to a Service's address here. One that is another name for this machine is
        asked at the port that the webhook's configuration has.
        """
        make_namespace(self._client, CORE)
        spec = {"type": "ExternalName", "externalName": "localhost"}
        service = {"metadata": {"name": CONTROLLER}, "spec": spec}
        self._post(f"/api/v1/namespaces/{CORE}/services", service)
        for path, manifest in zip(PATHS, webhooks(InstallOptions(namespace=CORE)), strict=True):
            for webhook in manifest["webhooks"]:
                webhook["clientConfig"]["service"]["port"] = port
            self._post(path.rpartition("/")[0], manifest)

    def _withdraw(self) -> None:
        for path in (*PATHS, f"/api/v1/namespaces/{CORE}/services/{CONTROLLER}"):
            self._client.request("DELETE", path)

    def _post(self, path: str, manifest: Manifest) -> None:
        self._client.request("POST", path, body=msgspec.json.encode(manifest))

    def _is_trusted(self) -> bool:
        found = [msgspec.json.decode(self._client.request("GET", path)) for path in PATHS]
        return all(
            "caBundle" in webhook["clientConfig"] for one in found for webhook in one["webhooks"]
        )

    def _operator(self, folder: Path, db_manager: str, webhook_port: int) -> Program:
        controller = {
            "healthzAddr": "127.0.0.1:0",
            "metricsAddr": "127.0.0.1:0",
            "webhookPort": webhook_port,
        }
        config: Manifest = {"init": {"controller": controller, "certGenerator": {"enable": True}}}
        path = folder / "katib-config.yaml"
        path.write_text(codec.dump_yaml(config))
        words = ("operator", "--kubeconfig", str(self._kubeconfig), "--katib-config", str(path))
        places = ("--db-manager", db_manager, "--early-stopping-address", "127.0.0.1:0")
        variables = {"KATIB_IMAGE": IMAGE, "KATIB_CORE_NAMESPACE": CORE}
        return Program(folder, "operator", (*words, *places), "Running the experiments", variables)


@dataclass(frozen=True)
class ClusterKatib(Katib):
    """A home that leads to a cluster, whose server need not be started.

    Attributes:
        client: of the API server.
    """

    tells_of_every_run: ClassVar[bool] = False

    client: KubernetesClient

    def __call__(self, *words: str, check: int | None = None) -> Answer:
        """Start or end the server; other commands are a laptop's."""
        assert words[0] in ("up", "down"), f"katib {' '.join(words)} works in a home only"
        return Answer(0, "", "")

    def get(self, kind: str, name: str, namespace: str = "default") -> Manifest:
        path = f"/apis/kubeflow.org/v1beta1/namespaces/{namespace}/{kind}s/{name}"
        found: Manifest = msgspec.json.decode(self.client.request("GET", path))
        return found

    def trials(self, experiment: str) -> list[Manifest]:
        path = "/apis/kubeflow.org/v1beta1/namespaces/default/trials"
        query = {"labelSelector": f"katib.kubeflow.org/experiment={experiment}"}
        found: Manifest = msgspec.json.decode(self.client.request("GET", path, query=query))
        trials: list[Manifest] = found["items"]
        return trials


@dataclass(frozen=True)
class RealCluster(Cluster):
    """What kubectl takes for a cluster, and is one: a namespace is made before it is used."""

    katib: ClusterKatib
    containers: tuple[str, ...] = ("main", LOGGER)
    others: Mapping[str, Sequence[str]] = field(default_factory=lambda: OTHERS)

    def prepare(self, namespace: str) -> None:
        """Make a namespace, and wait until pods can be made in it."""
        make_namespace(self.katib.client, namespace)

    def write(self, name: str, labels: dict[str, str] | None = None, **spec: object) -> str:
        self.prepare(name)
        return super().write(name, labels, **spec)


def make_namespace(client: KubernetesClient, name: str) -> None:
    """Make a namespace that may be there already, and wait until pods can be made in it."""
    with suppress(AlreadyExistsError):
        body = msgspec.json.encode({"metadata": {"name": name}})
        client.request("POST", "/api/v1/namespaces", body=body)
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"

    def has_account() -> bool:
        try:
            account: Manifest = msgspec.json.decode(client.request("GET", path))
        except NotFoundError:
            return False
        return bool(account.get("secrets"))

    wait_for(has_account, f"pods can be made in {name}")
