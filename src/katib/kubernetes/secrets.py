"""Secrets that Katib's own parts keep, and fill themselves."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

import msgspec

from katib.api.values import Key, Manifest
from katib.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    RequestRefusedError,
)
from katib.kubernetes.client import KubernetesClient

#: How often two operators may write a Secret at the same moment.
ATTEMPTS = 5

Data = Mapping[str, bytes]


def keep_secret(client: KubernetesClient, key: Key, fill: Callable[[Data], Data]) -> Data:
    """What a Secret holds, once it holds what it should.

    Args:
        client: of the cluster.
        key: which Secret.
        fill: what it should hold, by what it holds; called again when somebody else was quicker.

    Raises:
        ConfigurationError: it cannot be kept; the text says what to do.
        NotFoundError: there is no such namespace.
        StoreAwayError: the API server cannot be reached.
    """
    for _ in range(ATTEMPTS):
        try:
            return _keep(client, key, fill)
        except (ConflictError, AlreadyExistsError):
            continue
        except RequestRefusedError as error:
            raise ConfigurationError(
                f'the Secret "{key}" cannot be kept: {error}. katib install prints an empty one, '
                "and the right to write it"
            ) from error
    raise ConfigurationError(f'Secret "{key}" is written by somebody else again and again')


def _keep(client: KubernetesClient, key: Key, fill: Callable[[Data], Data]) -> Data:
    secret = _find(client, key)
    encoded: Mapping[str, str] = secret.get("data") or {}
    found = {name: base64.b64decode(text) for name, text in encoded.items()}
    wanted = fill(found)
    if wanted != found:
        data = {name: base64.b64encode(value).decode() for name, value in wanted.items()}
        _write(client, key, {**secret, "data": data})
    return wanted


def _find(client: KubernetesClient, key: Key) -> Manifest:
    """The Secret as it is, or as it would be made."""
    try:
        found: Manifest = msgspec.json.decode(client.request("GET", _path(key)))
    except NotFoundError:
        metadata = {"name": key.name, "namespace": key.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}
    return found


def _write(client: KubernetesClient, key: Key, secret: Manifest) -> None:
    is_new = "resourceVersion" not in secret["metadata"]
    path = _path(key).rpartition("/")[0] if is_new else _path(key)
    client.request("POST" if is_new else "PUT", path, body=msgspec.json.encode(secret))


def _path(key: Key) -> str:
    return f"/api/v1/namespaces/{key.namespace}/secrets/{key.name}"
