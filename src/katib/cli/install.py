"""``katib install``: the manifests of an installation in a cluster."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from katib.cli.databases import DATABASE_URL

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SERVERS = ("postgresql", "postgres", "mysql", "mariadb")

NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Where everything is installed.")
]
NamespacedOption = Annotated[
    bool,
    typer.Option(
        "--namespaced",
        help="Experiments are in that namespace only, which must exist: Roles, no ClusterRoles "
        "and no webhooks.",
    ),
]
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        envvar=DATABASE_URL,
        metavar="URL",
        help="Where observation logs are kept, as postgresql://user:password@host/katib or "
        "mysql://user:password@host/katib. Without one: in SQLite on a volume.",
        show_default=False,
    ),
]
ImageOption = Annotated[
    str | None,
    typer.Option(
        "--image",
        metavar="REF",
        help="The image of Katib as the cluster knows it. Default: katib with this version.",
        show_default=False,
    ),
]
TrialResourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trial-resource",
        metavar="KIND.VERSION.GROUP",
        help="One more kind that trials may be, as Workflow.v1alpha1.argoproj.io; repeat it.",
    ),
]
ReplicasOption = Annotated[
    int,
    typer.Option("--replicas", min=1, help="How many operators there are; one of them works."),
]
StorageOption = Annotated[
    str, typer.Option("--storage", metavar="SIZE", help="The size of the volume of SQLite.")
]
NoWebhooksOption = Annotated[
    bool,
    typer.Option(
        "--no-webhooks",
        help="No admission webhooks: the operator judges experiments when it sees them.",
    ),
]
NoCrdsOption = Annotated[
    bool,
    typer.Option(
        "--no-crds",
        help="Leave out the definitions of our kinds, which only an administrator may make.",
    ),
]
NoUiOption = Annotated[bool, typer.Option("--no-ui", help="No web UI.")]
KubeflowOption = Annotated[
    bool,
    typer.Option(
        "--kubeflow",
        help="The web UI is for Kubeflow's dashboard, whose gateway tells it the user: what users "
        "may do decides, and no token is asked for.",
    ),
]


def install(
    namespace: NamespaceOption = "kubeflow",
    namespaced: NamespacedOption = False,
    database: DatabaseOption = "",
    image: ImageOption = None,
    trial_resource: TrialResourceOption = None,
    replicas: ReplicasOption = 1,
    storage: StorageOption = "10Gi",
    no_webhooks: NoWebhooksOption = False,
    no_crds: NoCrdsOption = False,
    no_ui: NoUiOption = False,
    kubeflow: KubeflowOption = False,
) -> None:
    """.

    Nothing is changed in a cluster: kubectl apply makes what is printed, and kubectl delete takes
    it away again. Delete the experiments first, while the operator is there to let them go.

    Servers older than Kubernetes 1.25 do not know the rules in the definitions: there, kubectl
    apply needs --validate=false, and the operator alone judges by these rules.

    Examples:

      katib install | kubectl apply -f -
      katib install --namespaced -n team-a --database postgresql://katib:pw@db/katib
    """
    from katib.api.codec import dump_yaml
    from katib.kubernetes.install import InstallOptions, compose
    from katib.kubernetes.install.options import IMAGE, TRIAL_RESOURCES

    options = InstallOptions(
        namespace=_check_namespace(namespace),
        image=image or IMAGE,
        is_namespaced=namespaced,
        database=_check_database(database),
        has_webhooks=not no_webhooks,
        has_crds=not no_crds,
        trial_resources=(*TRIAL_RESOURCES, *(trial_resource or ())),
        replicas=replicas,
        storage=_check_storage(storage),
        has_ui=not no_ui,
        is_kubeflow=kubeflow,
    )
    typer.echo("---\n".join(map(dump_yaml, compose(options))), nl=False)


def _check_namespace(name: str) -> str:
    if not _NAMESPACE.fullmatch(name):
        raise typer.BadParameter(
            f"--namespace {name}: write at most 63 lower case letters, digits or '-', as kubeflow"
        )
    return name


def _check_database(url: str) -> str:
    scheme, found, _ = url.partition("://")
    if url and (not found or scheme.partition("+")[0] not in _SERVERS):
        # The rest may hold a password.
        raise typer.BadParameter(
            f"--database {scheme if found else 'URL'}: name a server, as "
            "postgresql://user:password@host/katib or mysql://user:password@host/katib"
        )
    return url


def _check_storage(size: str) -> str:
    from katib.configuration.quantities import parse_quantity

    try:
        is_size = parse_quantity(size) > 0
    except ValueError:
        is_size = False
    if not is_size:
        raise typer.BadParameter(f"--storage {size}: write a size, as 10Gi")
    return size
