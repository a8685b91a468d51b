"""What a server leaves in its home, so that others find it: ``server.json``."""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import datetime
from pathlib import Path

import msgspec
import psutil

from katib.api.codec import typed
from katib.api.values import Value
from katib.apps.home import Home
from katib.errors import StoreUnavailableError

#: Where a server listens unless it is told otherwise.
LOOPBACK, PORT = "127.0.0.1", 7443

#: Where the web UI listens unless it is told otherwise; where that is taken, at a free port.
UI_PORT = 8080


class ServerRecord(Value, frozen=True):
    """A server that works in a home.

    Attributes:
        pid: its process.
        address: as ``https://127.0.0.1:7443``.
        started: when it began to answer; aware.
        directory: where programs work when their template does not say.
        config: the file it is configured by; empty when it has the home's own, or none.
        program: the user's program whose end is the server's, too; empty when the process is the
            server's own.
        ui: where browsers are answered; empty when it serves no web UI.
    """

    pid: int
    address: str
    started: datetime
    directory: str = ""
    config: str = ""
    program: str = ""
    ui: str = ""


def record_path(home: Home) -> Path:
    """Where the record of a home's server is."""
    return home.path / "server.json"


def log_path(home: Home) -> Path:
    """Where a server in the background writes what it would print."""
    return home.path / "server.log"


def find_server(home: Home) -> ServerRecord | None:
    """The server that works in the home now, if one does."""
    try:
        record = typed(ServerRecord, record_path(home).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return record if is_held(home, record.pid) else None


def is_held(home: Home, pid: int) -> bool:
    """Whether the engine of this process owns the home.

    A server that was killed has left its record, and the lock's file with its number in it; the
    lock itself is looked at last, since for that moment nobody else can have it.
    """
    lock = home.path / "lock"
    try:
        if not psutil.pid_exists(pid) or not lock.read_text().startswith(f"process {pid} "):
            return False
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ValueError):
        return False
    return False


def write_record(home: Home, record: ServerRecord) -> None:
    """Say where this process serves the home.

    Raises:
        StoreUnavailableError: the disk refuses.
    """
    write_private(record_path(home), msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def remove_record(home: Home) -> None:
    """Say that the home is served no longer."""
    with contextlib.suppress(FileNotFoundError):
        record_path(home).unlink()


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; others see it whole, or as it was.

    Raises:
        StoreUnavailableError: the disk refuses.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as stream:
            stream.write(content)
        fresh.replace(path)
    except OSError as error:
        raise StoreUnavailableError(path, error.strerror or str(error)) from error
