"""The secret by which an operator knows its trials, kept in a Secret that all operators share."""

from __future__ import annotations

import logging
import secrets

from katib.api.values import Key
from katib.errors import ConfigurationError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.secrets import Data, keep_secret

_LOG = logging.getLogger(__name__)

#: Its name in the Secret's data, and how long it is, in bytes.
NAME, SIZE = "trials.key", 32


def read_trial_secret(client: KubernetesClient, namespace: str, name: str) -> bytes:
    """The secret; made when there is none yet.

    Where the Secret can be neither read nor made, the secret is this process's own: trials that
    were started by another one cannot show who they are.

    Args:
        client: of the cluster.
        namespace: of the Secret.
        name: of the Secret.

    Raises:
        StoreAwayError: the API server cannot be reached.
    """
    try:
        return keep_secret(client, Key(namespace, name), _with_secret)[NAME]
    except (ConfigurationError, NotFoundError) as error:
        _LOG.warning(
            "Trials that outlive this process cannot say that they were stopped early: %s", error
        )
        return secrets.token_bytes(SIZE)


def _with_secret(data: Data) -> Data:
    is_good = len(data.get(NAME, b"")) >= SIZE
    return data if is_good else {**data, NAME: secrets.token_bytes(SIZE)}
