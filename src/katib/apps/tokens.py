"""By what a trial shows who it is when it pushes: a token of its own, which is kept nowhere.

A token holds its trial's name and ``uid``, and a seal over both that only who has the secret can
make. So a later trial of the same name has another token, and whoever has the secret knows whose a
token is without asking anybody.
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
        return write_token(self._secret, trial, uid)

    def find_trial(self, token: str) -> Key:
        """Whose token this is; of a trial that is there.

        Raises:
            TokenRefusedError: it is nobody's.
        """
        key, uid = read_token(self._secret, token)
        trial = self._store.find(TRIALS, key)
        if trial is None or trial.metadata.uid != uid:
            raise TokenRefusedError
        return key


def write_token(secret: bytes, trial: Key, uid: str) -> str:
    """The token of a trial."""
    told = f"{trial.namespace}.{trial.name}.{uid}"
    seal = base64.urlsafe_b64encode(hmac.digest(secret, told.encode(), "sha256"))
    return f"{told}.{seal.decode().rstrip('=')}"


def read_token(secret: bytes, token: str) -> tuple[Key, str]:
    """Whose token this is, and the ``uid`` of that trial, whether or not it is still there.

    How long that takes tells nothing about the right one.

    Raises:
        TokenRefusedError: it was not made with this secret.
    """
    namespace, _, rest = token.rpartition(".")[0].partition(".")
    name, _, uid = rest.rpartition(".")
    trial = Key(namespace, name)
    right = write_token(secret, trial, uid).encode("utf-8", "replace")
    if not hmac.compare_digest(right, token.encode("utf-8", "replace")):
        raise TokenRefusedError
    return trial, uid


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
