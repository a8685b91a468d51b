"""The database manager, and what keeps the observation logs behind it."""

from __future__ import annotations

from katib.api.values import Manifest
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import DB_MANAGER, deployment, resource, restricted_pod, service

PORT = 6789
SECRET, SECRET_KEY = "katib-database", "url"
CLAIM = "katib-observations"

_FOLDER = "/var/lib/katib"
_FILE = f"sqlite:///{_FOLDER}/observations.db"

_RESOURCES: Manifest = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "1Gi"},
}


def db_manager(options: InstallOptions) -> list[Manifest]:
    """All of the database manager."""
    namespace = options.namespace
    api = {"name": "api", "port": PORT, "targetPort": PORT}
    # It calls nobody but the database: no account, no token.
    kept = _secret(options) if options.database else _claim(options)
    return [kept, service(DB_MANAGER, namespace, [api]), _deployment(options)]


def _deployment(options: InstallOptions) -> Manifest:
    container: Manifest = {
        "name": DB_MANAGER,
        "image": options.image,
        "command": ["katib"],
        "args": ["db-manager", f"--listen-address=0.0.0.0:{PORT}", "--insecure"],
        "ports": [{"name": "api", "containerPort": PORT}],
        "env": [{"name": "KATIB_DATABASE_URL", **_url(options)}],
        "resources": _RESOURCES,
        # It listens once it has reached its database. Probes by gRPC are younger than many servers.
        "readinessProbe": {"tcpSocket": {"port": PORT}},
        "livenessProbe": {"tcpSocket": {"port": PORT}, "initialDelaySeconds": 90},
    }
    if options.database:
        pod = restricted_pod(container, automountServiceAccountToken=False)
        return deployment(DB_MANAGER, options.namespace, pod)
    container["volumeMounts"] = [{"name": "data", "mountPath": _FOLDER}]
    pod = restricted_pod(
        container,
        automountServiceAccountToken=False,
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}],
    )
    # Two must never have the file open: the old one goes before the new one comes.
    return deployment(DB_MANAGER, options.namespace, pod, strategy={"type": "Recreate"})


def _url(options: InstallOptions) -> Manifest:
    if not options.database:
        return {"value": _FILE}
    return {"valueFrom": {"secretKeyRef": {"name": SECRET, "key": SECRET_KEY}}}


def _secret(options: InstallOptions) -> Manifest:
    data = {SECRET_KEY: options.database}
    return resource("v1", "Secret", SECRET, options.namespace, stringData=data)


def _claim(options: InstallOptions) -> Manifest:
    return resource(
        "v1",
        "PersistentVolumeClaim",
        CLAIM,
        options.namespace,
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": options.storage}},
        },
    )
