"""Finding a cluster's API server: a kubeconfig, an object of the official client, or this pod's."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from katib.client.http import Access
from katib.errors import ConfigurationError

#: Where a pod finds its token, the certificate to trust, and its namespace.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ClientConfiguration(Protocol):
    """What is read of a ``kubernetes.client.Configuration``, or of an object like it.

    Attributes:
        host: the server's address.
        verify_ssl: whether the server must prove who it is.
        ssl_ca_cert: the file of whom to trust; ``None`` for whom this machine trusts.
        cert_file: by which the caller proves who it is; ``None`` for none.
        key_file: the key to that.
    """

    host: str
    verify_ssl: bool
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None

    def auth_settings(self) -> Any:
        """Headers of credentials; a token that has expired is renewed."""
        ...


def find_pod_access(variables: Mapping[str, str], account: Path = ACCOUNT) -> Access | None:
    """The API server of the cluster in whose pod this program runs; ``None`` outside of pods.

    Args:
        variables: the program's environment.
        account: where the pod's credentials are.
    """
    host, port = (variables.get(f"KUBERNETES_SERVICE_{one}") for one in ("HOST", "PORT"))
    token = account / "token"
    if not host or not port or not token.exists():
        return None
    place = f"[{host}]" if ":" in host else host
    return Access(
        f"https://{place}:{port}",
        namespace=(account / "namespace").read_text().strip() or "default",
        # The kubelet renews the file again and again.
        headers=lambda: {"Authorization": f"Bearer {token.read_text().strip()}"},
        tls=ssl.create_default_context(cafile=str(account / "ca.crt")),
    )


def configured_access(configuration: ClientConfiguration, namespace: str = "default") -> Access:
    """The API server that an object of the official client names.

    Args:
        configuration: the object.
        namespace: the one that is meant when none is said.

    Raises:
        ConfigurationError: its certificates cannot be read.
    """

    def headers() -> Mapping[str, str]:
        found: Mapping[str, Mapping[str, str | None]] = configuration.auth_settings()
        return {str(one["key"]): value for one in found.values() if (value := one["value"])}

    return Access(
        configuration.host,
        namespace,
        headers=headers,
        tls=_tls(configuration) if configuration.host.startswith("https:") else None,
        proxy=getattr(configuration, "proxy", None) or "",
    )


def kubeconfig_access(file: str | None, context: str | None) -> Access:
    """The API server that a kubeconfig names.

    Args:
        file: its path; ``None`` for ``$KUBECONFIG``, else ``~/.kube/config``.
        context: of the file; ``None`` for its current one.

    Raises:
        ConfigurationError: there is no such file or context, or it lacks what is needed, or the
            library that reads it is not installed.
    """
    try:
        from katib.kubernetes.connecting import configure
    except ImportError as error:
        raise ConfigurationError(
            f"reading a kubeconfig needs a library that is not installed ({error.name}): pip "
            "install 'katib[cluster]'. Without one, experiments run on this machine: leave "
            "config_file, context and KUBECONFIG out"
        ) from error
    path = None if file is None else Path(file).expanduser()
    configuration, namespace = configure(path, context or "")
    return configured_access(configuration, namespace)


def _tls(configuration: ClientConfiguration) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except OSError as error:
        raise ConfigurationError(
            f"the certificates of {configuration.host} cannot be used: {error}; see that "
            "ssl_ca_cert, cert_file and key_file of the configuration are PEM files"
        ) from error
    if not configuration.verify_ssl or getattr(configuration, "assert_hostname", None) is False:
        context.check_hostname = False
    if not configuration.verify_ssl:
        context.verify_mode = ssl.CERT_NONE
    return context
