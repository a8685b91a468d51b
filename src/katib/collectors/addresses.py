"""Where trials serve their metrics: a port of its own for each, and who has which other one."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from katib.api.values import Manifest
from katib.collectors.listeners import LOOPBACK, Listeners, is_taken
from katib.ports.collector import Address
from katib.ports.sidecar import Outfit

#: How many ports that were given last are not given again.
_REMEMBERED = 1000

_Place = tuple[str, int]


class AddressBook:
    """Gives each pod a port, and lets one trial at a time be asked at any other one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._given: deque[int] = deque(maxlen=_REMEMBERED)
        self._holders: WeakValueDictionary[_Place, TrialAddresses] = WeakValueDictionary()
        self._listeners = Listeners()

    def find_port(self, outfit: Outfit, pod: str) -> tuple[int, bool]:
        """The port of a pod's own, and whether it was given to it by now.

        It is kept in a file beside the pod's, since its program may outlive this engine.
        """
        name = f"{pod}.port"
        kept = _read(outfit.add_file(name, b""))
        port = kept or self._free_port()
        outfit.add_file(name, f"{port}\n".encode())
        return port, not kept

    def open(
        self, owner: str, port: int, stated: Mapping[str, Any], is_new: bool
    ) -> TrialAddresses:
        """Where a trial's metrics are looked for.

        Args:
            owner: the trial, for others that want the same place.
            port: its own.
            stated: ``httpGet`` of the experiment.
            is_new: its program has not been started yet, so that whoever listens where it is said
                to is somebody else.
        """
        endpoint = TrialAddresses(owner, port, stated, self)
        if is_new and not endpoint.host and is_taken(endpoint.stated.port):
            endpoint.rival = f"another program listens on port {endpoint.stated.port}"
            endpoint.is_barred = True
        return endpoint

    def find_rival(self, endpoint: TrialAddresses) -> str:
        """Let the endpoint's trial have the place that its experiment states, if nobody else has.

        On this machine it is its own when its program listens there, whoever came first. As long
        as that cannot be seen, it is that of the first trial that wants it.

        Returns:
            Who has it, for the user; empty when this trial has.
        """
        place = (endpoint.stated.host, endpoint.stated.port)
        given = 0 if endpoint.host else self._listeners.given_port(endpoint.stated.port)
        if given:
            is_own = given == endpoint.port
            return "" if is_own else f"the program of another trial listens on port {place[1]}"
        with self._lock:
            holder = self._holders.setdefault(place, endpoint)
        return "" if holder is endpoint else f"trial {holder.owner} has port {place[1]}"

    def _free_port(self) -> int:
        with self._lock:
            while True:
                with socket.socket() as probe:
                    probe.bind((LOOPBACK, 0))
                    port: int = probe.getsockname()[1]
                if port not in self._given:
                    self._given.append(port)
                    return port


@dataclass(eq=False)
class TrialAddresses:
    """Where the program of one trial may serve its metrics.

    An experiment that states a host means just that place. Otherwise the trial's own port is asked
    first, and then the one that is stated: for programs that do not know of the former. That one is
    asked for one trial at a time, and not at all when somebody else has it.

    Attributes:
        owner: the trial.
        port: its own, on the loopback.
        document: ``httpGet`` of the experiment.
        book: knows who else wants the same place.
        rival: who has the stated place instead, for the user; empty when this trial has.
        is_barred: whether the stated place is never asked.
    """

    owner: str = ""
    port: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    book: AddressBook = field(default_factory=AddressBook)
    rival: str = ""
    is_barred: bool = False

    @property
    def host(self) -> str:
        """The one that is stated; empty when none is."""
        return str(self.document.get("host") or "")

    @property
    def stated(self) -> Address:
        """The address that the experiment states."""
        port = str(self.document.get("port") or 0)
        # Trials that somebody makes by hand are not checked; nobody listens on port 0.
        is_legal = port.isdecimal() and len(port) < 6 and int(port) < 1 << 16
        return self._address(self.host or LOOPBACK, int(port) if is_legal else 0)

    @property
    def all(self) -> Sequence[Address]:
        """All that the program may use, whoever has them."""
        return (self.stated,) if self.host else (self._address(LOOPBACK, self.port), self.stated)

    def addresses(self) -> Sequence[Address]:
        """Those that may be asked now, the likeliest first. May be called from any thread."""
        if not self.is_barred:
            self.rival = self.book.find_rival(self)
        return self.all[:-1] if self.rival else self.all

    def _address(self, host: str, port: int) -> Address:
        headers: Sequence[Manifest] = self.document.get("httpHeaders") or ()
        return Address(
            host,
            port,
            str(self.document.get("path") or "/metrics"),
            str(self.document.get("scheme") or "HTTP").upper() == "HTTPS",
            [(str(one.get("name")), str(one.get("value"))) for one in headers],
        )


def _read(path: str) -> int:
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.strip().isdecimal() and int(text) < 1 << 16 else 0
