"""The engine of a home in a user's own program, for as long as the program lives.

It serves the home from threads, so that commands and other programs find it as they find ``katib
up``. The program's main thread, signals, logging and garbage collector stay the program's.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakSet

from katib.api.values import Manifest
from katib.apps.connection import connect
from katib.apps.home import Home, default_home
from katib.apps.kubeconfig import kubeconfig_path
from katib.apps.server_record import ServerRecord, find_server
from katib.client.backend import AwayError, Backend
from katib.client.http import REPEATABLE, HttpBackend
from katib.errors import HomeLockedError, KatibError

#: How long another engine may take to begin or to end before it is given up, in seconds.
LONGEST_CHANGE = 60.0

#: How often it is looked at, in seconds.
_LOOK_EVERY = 0.05


class EngineInUseError(KatibError):
    """An engine works in the home that serves nobody else."""

    def __init__(self, home: Path, holder: str) -> None:
        super().__init__(
            f"{home} is in use by {holder}, which serves no other program. Wait for it; or stop "
            "it, start katib up, and give it the same command again, for then both share one "
            "engine; or use another home with home=DIR or KATIB_HOME"
        )


class Program:
    """Opens homes for user's programs; see :class:`katib.client.finding.HomeOpener`."""

    @staticmethod
    def open(home: Path | None) -> Backend:
        """A backend of the home; nothing is asked or started before its first request."""
        return HomeBackend(Home((home or default_home()).expanduser().absolute()))

    @staticmethod
    def find_home(kubeconfig: Path) -> Path | None:
        """The home whose kubeconfig this is; ``None`` when it is another one."""
        home = Home(kubeconfig.absolute().parent)
        is_home = home.resources.exists() and kubeconfig.absolute() == kubeconfig_path(home)
        return home.path if is_home else None


class HomeBackend:
    """A backend of a home: through its server, and through an engine of our own without one.

    When the server ends, the next request finds the one that has followed it, or follows it with an
    engine of this program: what is in the home goes on.

    Args:
        home: the home.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._link: HttpBackend | None = None

    @property
    def namespace(self) -> str:
        """The one that is meant when none is said."""
        return "default"

    @property
    def home(self) -> Path:
        """The folder of the engine."""
        return self._home.path

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        """See :class:`Backend`."""
        deadline = time.monotonic() + LONGEST_CHANGE
        while True:
            link = self._reach()
            try:
                return link.ask(method, path, body, media_type, patience)
            except AwayError as error:
                self._lose(link)
                may_repeat = method in REPEATABLE or not error.was_sent
                if error.is_late or not may_repeat or time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_EVERY)

    def stream(self, path: str) -> Iterator[bytes]:
        """See :class:`Backend`. A server that ends breaks it off: ask again from where it was."""
        link = self._reach()
        try:
            yield from link.stream(path)
        except AwayError:
            self._lose(link)
            raise

    def at_work(self) -> AbstractContextManager[None]:
        """See :class:`katib.client.backend.Host`."""
        return _WORK.begun() if _ENGINES.has(self._home) else nullcontext()

    def close(self) -> None:
        """See :class:`Backend`."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        _ENGINES.let_go(self._home, self)

    def _reach(self) -> HttpBackend:
        link = self._link
        if link is None:
            record = find_server(self._home) or _ENGINES.follow(self._home)
            link = self._link = connect(self._home, record)
            _ENGINES.note(self._home, self)
        return link

    def _lose(self, link: HttpBackend) -> None:
        link.close()
        if self._link is link:
            self._link = None


class GuestBackend(HomeBackend):
    """A backend of a home's server that never takes its place: without one, nobody answers.

    Whoever only looks must not hold a home after ``katib down``; a server that follows is found,
    wherever it listens.
    """

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        """See :class:`Backend`."""
        link = self._reach()
        try:
            return link.ask(method, path, body, media_type, patience)
        except AwayError:
            self._lose(link)
            raise

    def _reach(self) -> HttpBackend:
        if self._link is None:
            record = find_server(self._home)
            if record is None:
                place, advice = str(self._home.path), "Start one with: katib up"
                raise AwayError(place, "none works there", advice, was_sent=False)
            self._link = connect(self._home, record)
        return self._link


class ProgramEngine:
    """A home's engine and its server in threads of this program.

    Args:
        home: the home.

    Raises:
        HomeLockedError: another engine works there.
        StoreUnavailableError: the disk refuses.
        ConfigurationError: the home's configuration is not legal.
    """

    def __init__(self, home: Home) -> None:
        # A program that finds a server needs none of its own.
        from katib.apps.embedded import Options
        from katib.apps.server import Server, ServerOptions

        engine = Options(config=home.read_config(), program=_name_of_program())
        options = ServerOptions(port=0, is_secure=False, stops_trials=True, engine=engine)
        self._server = Server(home, options)
        self.record = self._server.record
        self._is_told = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="katib", daemon=True)
        self._thread.start()
        self._is_told.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def is_alive(self) -> bool:
        """Whether it works."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the running trials, which the next engine starts again, and give the home up."""
        self._server.stop()
        try:
            self._thread.join()
        except KeyboardInterrupt:
            # Whoever is in a hurry waits for no program's grace period.
            self._server.stop(stops_trials=True)
            self._thread.join()
            raise

    def disown(self) -> None:
        """Let go of it in a process that a fork has made, where its threads are not."""
        self._server.disown()

    def _run(self) -> None:
        quiet = _Quiet()
        try:
            self._server.run(lambda _: self._is_told.set())
        except BaseException as error:
            self._failure = error
        finally:
            self._is_told.set()
            quiet.end()


class _Engines:
    """The engines of this program, one for each home that it leads, and who uses them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._engines: dict[Path, ProgramEngine] = {}
        self._users: dict[Path, WeakSet[HomeBackend]] = {}
        #: What a fork has left here is never looked at again, and never ended.
        self._others: list[ProgramEngine] = []

    def note(self, home: Home, user: HomeBackend) -> None:
        self._users.setdefault(home.path, WeakSet()).add(user)

    def has(self, home: Home) -> bool:
        """Whether the engine of a home is in this program."""
        return home.path in self._engines

    def follow(self, home: Home) -> ServerRecord:
        """The server of a home that had none: ours, or that of who was quicker.

        Raises:
            EngineInUseError: an engine works there that serves nobody.
            StoreUnavailableError: the disk refuses.
        """
        deadline = time.monotonic() + LONGEST_CHANGE
        while True:
            try:
                return self._start(home)
            except HomeLockedError as error:
                # Another one begins, or ends; only this command never serves.
                holder = home.holder() or ""
                if "(katib run" in holder or time.monotonic() > deadline:
                    raise EngineInUseError(home.path, holder) from error
            time.sleep(_LOOK_EVERY)
            if (record := find_server(home)) is not None:
                return record

    def let_go(self, home: Home, user: HomeBackend) -> None:
        """End the engine of a home if that was its last user."""
        with self._lock:
            users = self._users.get(home.path, WeakSet())
            users.discard(user)
            engine = None if users else self._engines.pop(home.path, None)
        if engine is not None:
            engine.close()

    def end(self) -> None:
        """End all of them."""
        while self._engines:
            _, engine = self._engines.popitem()
            engine.close()

    def disown(self) -> None:
        """In the child of a fork: the engines are the parent's."""
        self._lock = threading.RLock()
        for engine in self._engines.values():
            engine.disown()
        self._others += self._engines.values()
        self._engines.clear()
        self._users.clear()

    def _start(self, home: Home) -> ServerRecord:
        with self._lock:
            engine = self._engines.get(home.path)
            if engine is None or not engine.is_alive:
                self._engines.pop(home.path, None)
                engine = self._engines[home.path] = ProgramEngine(home)
            return engine.record


class _Work:
    """Lets engines use the process as if it were theirs, while its own threads only wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._before = (0.0, (0, 0, 0))

    @contextmanager
    def begun(self) -> Iterator[None]:
        """See :meth:`HomeBackend.at_work`; several threads may wait at once."""
        from katib.apps.embedded import GARBAGE_AFTER, SWITCH_SECONDS

        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._before = (sys.getswitchinterval(), gc.get_threshold())
                sys.setswitchinterval(SWITCH_SECONDS)
                gc.set_threshold(GARBAGE_AFTER, *self._before[1][1:])
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    sys.setswitchinterval(self._before[0])
                    gc.set_threshold(*self._before[1])


class _Quiet:
    """Keeps what the listener has to say of itself out of the program's log, until it ends."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("uvicorn.error")
        self._logger.addFilter(_is_programs)

    def end(self) -> None:
        self._logger.removeFilter(_is_programs)


def _is_programs(record: logging.LogRecord) -> bool:
    return record.threadName != "api"


def _name_of_program() -> str:
    """What the user calls this program."""
    if "ipykernel" in sys.modules:
        return "a notebook"
    script = sys.argv[0] if sys.argv else ""
    named = Path(script).name if script not in ("", "-c") else ""
    return f"python {named}".rstrip()


_ENGINES, _WORK = _Engines(), _Work()
atexit.register(_ENGINES.end)
os.register_at_fork(after_in_child=_ENGINES.disown)
