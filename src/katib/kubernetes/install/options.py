"""What may be chosen of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

NAMESPACE = "kubeflow"

#: The image of all our processes, as it is called when it is built; clusters name their own copy.
IMAGE = f"katib:{version('katib')}"

#: The kinds that trials may be, as in an installation of Katib.
TRIAL_RESOURCES = (
    "Job.v1.batch",
    "TrainJob.v1alpha1.trainer.kubeflow.org",
    "PyTorchJob.v1.kubeflow.org",
    "TFJob.v1.kubeflow.org",
    "MPIJob.v1.kubeflow.org",
    "XGBoostJob.v1.kubeflow.org",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """What may be chosen.

    Attributes:
        namespace: of everything that is installed.
        image: of the operator, the database manager and the metrics collector.
        is_namespaced: whether experiments are in that namespace only. Then there are Roles, but
            nothing that belongs to no namespace, save the definitions of our kinds.
        database: the URL of a database that keeps observation logs; empty for SQLite on a volume.
        has_webhooks: whether there are admission webhooks; never in a namespaced installation.
        has_crds: whether the definitions of our kinds are part of it.
        trial_resources: the kinds that trials may be, each as ``Kind.version.group``.
        replicas: how many operators there are; one of them works.
        storage: the size of the volume of SQLite.
        has_ui: whether there is the web UI.
        is_kubeflow: whether the web UI is shown by Kubeflow's dashboard, which tells who the user
            is; else it asks for a token.
    """

    namespace: str = NAMESPACE
    image: str = IMAGE
    is_namespaced: bool = False
    database: str = ""
    has_webhooks: bool = True
    has_crds: bool = True
    trial_resources: tuple[str, ...] = TRIAL_RESOURCES
    replicas: int = 1
    storage: str = "10Gi"
    has_ui: bool = True
    is_kubeflow: bool = False

    @property
    def serves_webhooks(self) -> bool:
        """Whether the operator serves webhooks: their configurations belong to no namespace."""
        return self.has_webhooks and not self.is_namespaced
