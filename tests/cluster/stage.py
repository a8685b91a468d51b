"""A namespace with everything that runs experiments there: database manager, operator, node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from experiments import Experiments
from kubelet import Kubelet
from processes import Program, a_db_manager, an_operator, wait_for

from katib.api.codec import dump_yaml, load_yaml
from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient
from relay import Relay


class Stage:
    """Everything but the operator runs from the beginning.

    Args:
        client: of the API server, as the administrator.
        kubeconfig: for the operator.
        namespace: of the test's own.
        folder: for files.

    Attributes:
        experiments: what a user sees.
        db_manager: the process.
        operator: the process; to be started.
        kubelet: runs pods.
    """

    def __init__(
        self, client: KubernetesClient, kubeconfig: Path, namespace: str, folder: Path
    ) -> None:
        self._client, self._kubeconfig, self._folder = client, kubeconfig, folder
        self.experiments = Experiments(client, namespace)
        self.db_manager, self.address = a_db_manager(folder)
        self.db_manager.start()
        self._operators: list[Program] = []
        self.operator = self.add_operator()
        self.kubelet = Kubelet(client, namespace, self.address)

    def add_operator(
        self,
        kubeconfig: Path | None = None,
        runtime: Manifest | None = None,
        **controller: object,
    ) -> Program:
        """One more operator; ``runtime`` and ``controller`` are of its configuration."""
        place = kubeconfig or self._kubeconfig
        namespace = self.experiments.namespace
        operator = an_operator(self._folder, place, namespace, self.address, runtime, **controller)
        self._operators.append(operator)
        return operator

    def run(self, manifest: Manifest, meanwhile: Callable[[], None] = lambda: None) -> str:
        """Run an experiment to its end; the reason of that."""
        self.experiments.create(manifest)
        meanwhile()
        name = manifest["metadata"]["name"]
        wait_for(lambda: bool(self.experiments.ended(name)), f"{name} is over", 240)
        return self.experiments.ended(name)

    def check_runs(self) -> None:
        """No trial had more than one run.

        Raises:
            AssertionError: one had.
        """
        doubled = {trial: jobs for trial, jobs in self.kubelet.jobs.items() if len(jobs) != 1}
        assert doubled == {}

    def close(self) -> None:
        """End everything that was started."""
        self.kubelet.close()
        for program in (*self._operators, self.db_manager):
            program.close()


def relayed(kubeconfig: Path, folder: Path) -> tuple[Path, Relay]:
    """A kubeconfig that leads through a relay, and the relay."""
    (config,) = load_yaml(kubeconfig.read_text(), "kubeconfig")
    cluster = config["clusters"][0]["cluster"]
    relay = Relay(int(cluster["server"].rpartition(":")[2]))
    cluster["server"] = f"https://127.0.0.1:{relay.port}"
    path = folder / "relayed.yaml"
    path.write_text(dump_yaml(config))
    return path, relay
