"""The process that serves observation logs over gRPC, as Katib's database manager does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hmac import compare_digest

from katib.api.values import Key
from katib.apps.addresses import is_loopback
from katib.apps.tokens import read_token
from katib.errors import ConfigurationError, StoreUnavailableError
from katib.observations.sql import SqlObservationLog
from katib.observations.sql.preparing import prepare_database
from katib.observations.sql.schema import UNKNOWN_NAMESPACE
from katib.rpc.db_manager import Guard, serve
from katib.rpc.serving import OPEN, Access

#: How long is waited between two attempts to reach the database, in seconds.
_RETRY_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """How observation logs are served.

    Attributes:
        url: the database.
        address: ``host:port``; port 0 takes any that is free.
        access: who may call.
        trial_secret: what the tokens of trials are made with; each may then read and write its own
            entries, besides who carries the token. Empty for none.
        is_open: whether it is wanted that others on the network may call without a token.
        prepares: whether the database is given the table of this version.
        connect_seconds: how long the database may be away at the start.
    """

    url: str
    address: str
    access: Access = OPEN
    trial_secret: bytes = b""
    is_open: bool = False
    prepares: bool = True
    connect_seconds: float = 60.0


class DBManagerService:
    """Serves until it is stopped.

    Raises:
        ConfigurationError: others on the network could call, and it was not said that they may.
    """

    def __init__(self, options: Options) -> None:
        host, mark, _ = options.address.rpartition(":")
        if not mark:
            raise ConfigurationError(f"{options.address} has no port; write HOST:PORT")
        _check_access(host.strip("[]") or "0.0.0.0", options)
        if options.trial_secret and not options.access.token:
            raise ConfigurationError(
                "--trial-secret needs --token-file, too: by its token the operator is known, who "
                "reads and deletes the entries of all trials"
            )
        self._options = options
        self._is_stopping = threading.Event()

    def run(self, tell: Callable[[int], None], tell_waiting: Callable[[str], None]) -> None:
        """Answer until :meth:`stop` is called.

        Args:
            tell: called once with the port, when callers are answered.
            tell_waiting: called with the reason when the database cannot be reached, and again
                when the reason is another.

        Raises:
            ConfigurationError: the address or the database cannot be had.
            SchemaError: the database is not of this version.
            StoreUnavailableError: it could not be reached in time.
        """
        log = self._connect(tell_waiting)
        if log is None:
            return
        try:
            options = self._options
            guard, access = _guarded(options)
            server = serve(log, _by_name, options.address, guard, access)
            try:
                tell(server.port)
                self._is_stopping.wait()
            finally:
                server.close()
        finally:
            log.close()

    def stop(self) -> None:
        """End soon; calls that are being answered have two seconds. From any thread."""
        self._is_stopping.set()

    def _connect(self, tell_waiting: Callable[[str], None]) -> SqlObservationLog | None:
        """The observation log, as soon as there is one; ``None`` when we are to stop."""
        deadline, told = time.monotonic() + self._options.connect_seconds, ""
        while not self._is_stopping.is_set():
            try:
                if self._options.prepares:
                    prepare_database(self._options.url)
                return SqlObservationLog(self._options.url)
            except StoreUnavailableError as error:
                if time.monotonic() >= deadline:
                    raise
                if str(error) != told:
                    told = str(error)
                    tell_waiting(told)
            self._is_stopping.wait(_RETRY_AFTER)
        return None


def _by_name(name: str) -> Key:
    return Key(UNKNOWN_NAMESPACE, name)


def _guarded(options: Options) -> tuple[Guard | None, Access]:
    """Who may call, with what else is looked at."""
    secret, access = options.trial_secret, options.access
    if not secret:
        return None, access
    token = access.token.encode()

    def is_trusted(shown: str) -> bool:
        return compare_digest(shown.encode("utf-8", "replace"), token)

    def find_caller(shown: str, peer: str) -> Key | None:
        return read_token(secret, shown)[0] if shown else None

    return Guard(find_caller, is_trusted=is_trusted), replace(access, token="")


def _check_access(host: str, options: Options) -> None:
    if options.access.token or options.is_open or is_loopback(host):
        return
    raise ConfigurationError(
        f"{options.address} can be reached from other machines, and whoever calls may read, write "
        "and delete every observation log: give --token-file FILE with what callers must carry, "
        "listen at 127.0.0.1:6789, or say --insecure where the network keeps others out; Katib's "
        "own clients carry no token and need that"
    )
