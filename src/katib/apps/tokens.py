"""By what a trial shows who it is when it pushes: a token of its own, which is kept nowhere.

A token holds its trial's name, and a seal that only who has the home's secret can make. The seal is
over the trial's ``uid`` too, so that a later trial of the same name has another token.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from pathlib import Path

from katib.api.trial import TRIALS
from katib.api.values import Key
from katib.apps.server_record import write_private
from katib.errors import StoreUnavailableError, TokenRefusedError
from katib.ports.resource_store import ResourceReader

_SECRET_BYTES = 32


class Tokens:
    """Makes and knows the tokens of trials.

    Args:
        store: where trials are found.
        secret: of the home; whoever has it can push for every trial.
    """

    def __init__(self, store: ResourceReader, secret: bytes) -> None:
        self._store, self._secret = store, secret

    def token_of(self, trial: Key, uid: str) -> str:
        """A trial's token: letters, digits, ``-``, ``_`` and ``.``, as in its name."""
        told = f"{trial.namespace}/{trial.name}/{uid}".encode()
        seal = base64.urlsafe_b64encode(hmac.digest(self._secret, told, "sha256"))
        return f"{trial.namespace}.{trial.name}.{seal.decode().rstrip('=')}"

    def find_trial(self, token: str) -> Key:
        """Whose token this is. How long that takes tells nothing about the right one.

        Raises:
            TokenRefusedError: it is nobody's.
        """
        namespace, _, rest = token.partition(".")
        key = Key(namespace, rest.rpartition(".")[0])
        trial = self._store.find(TRIALS, key)
        right = self.token_of(key, "" if trial is None else trial.metadata.uid)
        is_same = hmac.compare_digest(right.encode(), token.encode("utf-8", "replace"))
        if trial is None or not is_same:
            raise TokenRefusedError
        return key


def read_secret(path: Path) -> bytes:
    """The secret of a home, made when there is none yet; only its owner may read it.

    Raises:
        StoreUnavailableError: the disk refuses.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    except OSError as error:
        raise StoreUnavailableError(path, error.strerror or str(error)) from error
    if len(found) < _SECRET_BYTES:
        found = secrets.token_bytes(_SECRET_BYTES)
        write_private(path, found)
    return found
