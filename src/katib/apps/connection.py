"""Speaking with the server of a home, from this machine."""

from __future__ import annotations

import ssl

from katib.apps.home import Home
from katib.apps.kubeconfig import read_token
from katib.apps.server_record import ServerRecord
from katib.client.backend import PATIENCE
from katib.client.http import Access, HttpBackend

_ADVICE = "Look with: katib status; start it again with: katib up. What it has acknowledged is kept"


def connect(home: Home, record: ServerRecord, patience: float = PATIENCE) -> HttpBackend:
    """A backend that asks a home's server.

    Args:
        home: whose token is carried.
        record: where the server is.
        patience: how long an answer may take, in seconds.

    Raises:
        StoreUnavailableError: the token cannot be read.
    """
    token, tls = read_token(home), None
    if record.address.startswith("https:"):
        tls = ssl.create_default_context(cafile=str(home.path / "tls" / "ca.crt"))
    access = Access(
        record.address,
        home=home.path,
        headers=lambda: {"Authorization": f"Bearer {token}"},
        tls=tls,
        advice=_ADVICE,
    )
    return HttpBackend(access, patience)
