"""The web UI beside the engine of a home: a process of its own, which ends with the engine.

The engine listens, so that it knows the address before the UI has begun, and keeps it when the UI
must be started again: browsers wait a moment and are answered. What browsers cost is not the
engine's to pay, neither in memory nor in the interpreter's time.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from katib.apps.home import Home
from katib.errors import StoreUnavailableError

#: How often the UI may be started again, and within how many seconds, before it is given up.
RESTARTS, WITHIN_SECONDS = 5, 60.0

#: How often the UI looks whether its engine goes on, in seconds.
_LOOK_EVERY = 0.5

_LOG = logging.getLogger(__name__)


def ui_log_path(home: Home) -> Path:
    """Where the UI writes what goes wrong with it."""
    return home.path / "ui.log"


class UiChild:
    """Keeps the UI of a home running. Used by one thread.

    Args:
        home: that it shows.
        listener: where it answers; closed with it.
        command: what starts it; for tests.
        monotonic: tells how often it has been started of late.

    Attributes:
        process: the last one that was started; ``None`` before any was.
        is_given_up: whether it is not started any more.
    """

    def __init__(
        self,
        home: Home,
        listener: socket.socket,
        command: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home, self._listener, self._monotonic = home, listener, monotonic
        self._command = command or _command(home, listener)
        self._started: deque[float] = deque()
        self.process: subprocess.Popen[bytes] | None = None
        self.is_given_up = False

    @property
    def url(self) -> str:
        """Where browsers are answered."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Start it; :meth:`look` must be called often from now on."""
        path = ui_log_path(self._home)
        try:
            with path.open("wb" if self.process is None else "ab") as log:
                self.process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(self._listener.fileno(),),
                    # Ctrl-C is for the engine, which ends it.
                    start_new_session=True,
                )
        except OSError as error:
            self._give_up(f"it cannot be started: {error}")

    def look(self) -> None:
        """Start it again when it has ended, unless that has happened too often."""
        if self.process is None or self.is_given_up or self.process.poll() is None:
            return
        now, code = self._monotonic(), self.process.returncode
        while self._started and now - self._started[0] > WITHIN_SECONDS:
            self._started.popleft()
        if len(self._started) >= RESTARTS:
            self._give_up(
                f"it has ended {RESTARTS + 1} times within {WITHIN_SECONDS:.0f} s, at last with "
                f"{_words(code)}; see {ui_log_path(self._home)}"
            )
            return
        self._started.append(now)
        _LOG.warning("the web UI has ended with %s; it is started again", _words(code))
        self.start()

    def close(self) -> None:
        """End it at once: nothing is kept there that could be lost."""
        self.is_given_up = True
        self._listener.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def disown(self) -> None:
        """Let go of what a fork has left with this process."""
        self._listener.close()

    def _give_up(self, why: str) -> None:
        self.is_given_up = True
        # Whoever calls is refused, and waits for nothing.
        self._listener.close()
        _LOG.error("there is no web UI: %s", why)


def _command(home: Home, listener: socket.socket) -> Sequence[str]:
    # Not the folder in which the engine works, whose modules may have the names of ours.
    boot = f"from {__name__} import work; work()"
    words = (str(home.path), str(listener.fileno()), str(os.getpid()))
    return (sys.executable, "-P", "-c", boot, *words)


def _words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def work() -> None:
    """Be the UI of a home until the engine ends; the words are what :func:`_command` writes."""
    path, file, engine = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(engine,), name="engine", daemon=True).start()
    listener = socket.socket(fileno=file)
    listener.set_inheritable(False)
    _serve(Home(path), listener, engine)


def _serve(home: Home, listener: socket.socket, engine: int) -> None:
    from katib.apps.connection import connect
    from katib.apps.kubeconfig import read_token
    from katib.apps.server_record import find_server
    from katib.apps.ui import Options, UiService
    from katib.web.guarding import Door

    record = find_server(home)
    if record is None or record.pid != engine:
        # Another has followed it already.
        return
    try:
        door = Door(token=read_token(home))
    except StoreUnavailableError as error:
        sys.exit(str(error))
    service = UiService(connect(home, record), listener, Options(door=door))
    service.run(lambda: None)


def _end_with(engine: int) -> None:
    """End this process soon after the engine, however that ends."""
    while os.getppid() == engine:
        time.sleep(_LOOK_EVERY)
    # Nothing is kept here that could be lost.
    os._exit(0)
