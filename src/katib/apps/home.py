"""The folder in which one machine's engine keeps everything."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from katib.errors import HomeLockedError, StoreUnavailableError

if TYPE_CHECKING:
    from katib.configuration import KatibConfig


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of a home. Nothing is made until :meth:`lock` is called."""

    path: Path

    @property
    def resources(self) -> Path:
        """The database of resources."""
        return self.path / "katib.db"

    @property
    def observations(self) -> Path:
        """The database of observation logs."""
        return self.path / "observations.db"

    @property
    def outbox(self) -> Path:
        """Reports that wait for a database that is away."""
        return self.path / "outbox"

    @property
    def trials(self) -> Path:
        """Run directories: ``trials/<namespace>/<trial>/<pod>/``."""
        return self.path / "trials"

    @property
    def functions(self) -> Path:
        """What is called by trials of the kind ``FunctionCall``, by its SHA-256."""
        return self.path / "functions"

    @property
    def log(self) -> Path:
        """The engine's own log."""
        return self.path / "engine.log"

    def read_config(self) -> KatibConfig:
        """How the home is configured: its own file, else the defaults.

        Raises:
            ConfigurationError: the file cannot be read, or is no legal configuration.
        """
        # Most who ask where things are do not ask this.
        from katib.configuration import KatibConfig, read_file
        from katib.configuration.models import FILE_NAME

        own = self.path / FILE_NAME
        return read_file(own) if own.exists() else KatibConfig()

    def lock(self, holder: str = "") -> HomeLock:
        """Make the home and own it, until the lock is released or the process ends.

        Args:
            holder: what others are told of who owns it; empty for the command line's words.

        Raises:
            HomeLockedError: another engine works here.
            StoreUnavailableError: the folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailableError(self.path, error.strerror or str(error)) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            other = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise StoreUnavailableError(self.path, error.strerror or str(error)) from error
            raise HomeLockedError(self.path, other or "another process") from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} ({holder or _words()})\n".encode(), 0)
        return HomeLock(file)

    def holder(self) -> str | None:
        """Who owns the home now, in words; ``None`` when nobody does."""
        try:
            lock = self.lock()
        except HomeLockedError:
            return (self.path / "lock").read_text(errors="replace").strip()
        lock.release()
        return None


class HomeLock:
    """The ownership of a home."""

    def __init__(self, file: int) -> None:
        self._file = file

    def release(self) -> None:
        """Give the home up."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def disown(self) -> None:
        """Let go of what a fork has left with this process; the home stays the other one's."""
        os.close(self._file)


def default_home() -> Path:
    """``$KATIB_HOME``, else the platform's folder for a user's data."""
    named = os.environ.get("KATIB_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("katib", appauthor=False))


def _words() -> str:
    return " ".join(["katib", *sys.argv[1:]])
