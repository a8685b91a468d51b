"""What clients of Kubernetes are given to reach a home's server: the token and the kubeconfig."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.apps.home import Home
from katib.apps.server_record import write_private
from katib.errors import StoreUnavailableError

#: The name of the cluster, of its user and of the context.
NAME = "katib"

_TOKEN_BYTES = 32


def kubeconfig_path(home: Home) -> Path:
    """Where a home's kubeconfig is."""
    return home.path / "kubeconfig"


def token_path(home: Home) -> Path:
    """Where a home's token is."""
    return home.path / "token"


def read_token(home: Home) -> str:
    """The token of the home, made when there is none yet; only its owner may read it.

    Raises:
        StoreUnavailableError: the disk refuses.
    """
    path = token_path(home)
    try:
        found = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        found = ""
    except (OSError, ValueError) as error:
        raise StoreUnavailableError(path, str(error)) from error
    if not found:
        found = secrets.token_urlsafe(_TOKEN_BYTES)
        write_private(path, f"{found}\n".encode())
    return found


def make_kubeconfig(address: str, token: str, authority: bytes | None = None) -> Manifest:
    """A configuration for kubectl and the client libraries.

    kubectl sends a token to an ``https`` address only.

    Args:
        address: of the server, as ``https://127.0.0.1:7443``.
        token: what every request must carry.
        authority: the certificate, as PEM, that vouches for the server's; ``None`` without TLS.
    """
    cluster: Manifest = {"server": address}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [
            {"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}
        ],
        "current-context": NAME,
        "preferences": {},
    }


def write_kubeconfig(home: Home, kubeconfig: Manifest) -> Path:
    """Keep it in the home, where only its owner may read it; its path.

    Raises:
        StoreUnavailableError: the disk refuses.
    """
    path = kubeconfig_path(home)
    write_private(path, dump_yaml(kubeconfig).encode())
    return path
