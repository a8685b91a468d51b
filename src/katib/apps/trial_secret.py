"""The secret by which an operator knows its trials, kept in a Secret that all operators share."""

from __future__ import annotations

import base64
import logging
import secrets

import msgspec

from katib.api.values import Manifest
from katib.errors import ConflictError, NotFoundError, RequestRefusedError
from katib.kubernetes.client import KubernetesClient

_LOG = logging.getLogger(__name__)

#: Its name in the Secret's data, and how long it is, in bytes.
NAME, SIZE = "trials.key", 32

#: How often two operators may write the Secret at the same moment.
ATTEMPTS = 5


def read_trial_secret(client: KubernetesClient, namespace: str, name: str) -> bytes:
    """The secret; made when the Secret has none yet.

    Where there is no such Secret, or it may not be read, the secret is this process's own: trials
    that were started by another one cannot show who they are.

    Args:
        client: of the cluster.
        namespace: of the Secret.
        name: of the Secret, which exists already.

    Raises:
        ConflictError: somebody else writes it again and again.
        StoreAwayError: the API server cannot be reached.
    """
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _read_or_make(client, path)
        except ConflictError:
            if attempt == ATTEMPTS:
                raise
        except (NotFoundError, RequestRefusedError) as error:
            _LOG.warning(
                "Trials that outlive this process cannot say that they were stopped early: %s; "
                "see that the Secret exists, and that it may be read and updated",
                error,
            )
            break
    return secrets.token_bytes(SIZE)


def _read_or_make(client: KubernetesClient, path: str) -> bytes:
    secret: Manifest = msgspec.json.decode(client.request("GET", path))
    data: Manifest = secret.get("data") or {}
    if NAME in data:
        return base64.b64decode(data[NAME])
    made = secrets.token_bytes(SIZE)
    data = {**data, NAME: base64.b64encode(made).decode()}
    client.request("PUT", path, body=msgspec.json.encode({**secret, "data": data}))
    return made
