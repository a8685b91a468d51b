"""One container of a pod: its process group, its restarts, its status."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from katib.api.codec import format_time
from katib.api.values import Key, Manifest, Unstructured
from katib.executors.command import (
    CommandError,
    Images,
    Paths,
    ReadData,
    build_command,
    build_environment,
)
from katib.executors.process import KILLED, Process, Processes, read_pid, started_at
from katib.ports.clock import Clock

#: The pause before a first restart, and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0

#: How much of a failed container's output its status shows: lines and bytes.
TAIL_LINES, TAIL_BYTES = 10, 2048

#: The exit code of a container that could not be started, as container runtimes give it.
NOT_STARTED = 128

_SIGNALS = {137: "killed (SIGKILL)", 143: "ended by SIGTERM", 139: "crashed (SIGSEGV)"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container works with. ``register`` says whose a run's place is."""

    processes: Processes
    images: Images
    clock: Clock
    read: ReadData
    register: Callable[[str, Key], None]


@dataclass(slots=True)
class Container:
    """Runs one container and runs it again as its pod's restart policy says.

    Args:
        spec: the container's part of the pod.
        place: the beginning of its files' names: ``<place>.log``, ``<place>.run``.
        policy: ``Never``, ``OnFailure`` or ``Always``.
        around: what it works with.
        pod: whose.

    Attributes:
        waits_for: what is still missing before it can start, for the user.
    """

    spec: Manifest
    place: str
    policy: str
    around: Surroundings
    pod: Key
    waits_for: str = ""
    restarts: int = 0
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    places: list[str] = field(default_factory=list)
    _process: Process | None = None
    _problem: str = ""
    _last: Manifest | None = None
    _restart_at: float | None = None

    @property
    def log(self) -> str:
        """The file that holds its output, of all its runs."""
        return f"{self.place}.log"

    @property
    def is_started(self) -> bool:
        """Whether it was ever started."""
        return self.started_at is not None

    @property
    def is_running(self) -> bool:
        """Whether its process goes on."""
        return self._poll() is None and self._process is not None

    @property
    def is_to_start(self) -> bool:
        """Whether it is time for its first run, or for the next."""
        if self._process is not None or self.exit_code is not None:
            return False
        return self._restart_at is None or self.around.clock.monotonic() >= self._restart_at

    @property
    def is_ended(self) -> bool:
        """Whether it ended for good. One that is to run again is made ready for that."""
        code = self._poll()
        if code is None:
            return False
        if self.policy == "Never" or (self.policy == "OnFailure" and code == 0):
            return True
        self._plan_restart()
        return False

    @property
    def is_succeeded(self) -> bool:
        """Whether it ended well."""
        return self.exit_code == 0

    @property
    def restart_in_seconds(self) -> float | None:
        """How long until the next run; ``None`` when none is planned."""
        if self._restart_at is None or self._process is not None:
            return None
        return max(0.0, self._restart_at - self.around.clock.monotonic())

    def adopt(self) -> None:
        """Find the run that an earlier engine started, if there was one."""
        while read_pid(self._run_place(self.restarts + 1)) is not None:
            self.restarts += 1
        place = self._run_place(self.restarts)
        self._register(place)
        self._process = self.around.processes.adopt(place)
        if self._process is not None:
            self.started_at = started_at(place)

    def start(self, pod: Unstructured, additions: Mapping[str, str], paths: Paths) -> None:
        """Start its process. One that cannot be started has ended, and says why.

        Args:
            pod: it is a part of.
            additions: variables beside its own.
            paths: which of its paths are others here.
        """
        around = self.around
        self._restart_at = None
        self.started_at = around.clock.now()
        place = self._run_place(self.restarts)
        try:
            environment = build_environment(self.spec, pod, additions, around.read, paths)
            command = build_command(self.spec, environment, around.images, paths)
            self._register(place)
            self._process = around.processes.start(command, place, self.log)
        except FileExistsError:
            # An engine that died at this very moment had started it.
            self._process = around.processes.adopt(place)
        except (CommandError, OSError, ValueError) as error:
            # A ValueError: no word or variable of a process holds the character 0.
            self.refuse(str(error))

    def refuse(self, problem: str) -> None:
        """It cannot be started, because of this problem, and so has ended."""
        self._restart_at = None
        self.started_at = self.started_at or self.around.clock.now()
        self._problem = problem
        self._end(NOT_STARTED)

    def signal(self, number: int) -> None:
        """Send a signal to its process group, if it runs."""
        if self.is_running and self._process is not None:
            self._process.signal(number)

    def wait(self, deadline: float, monotonic: Callable[[], float]) -> None:
        """Wait until its process ended; kill it at the deadline."""
        while self.is_running:
            if monotonic() >= deadline:
                self.signal(9)
            time.sleep(0.01)

    def failure(self) -> str:
        """How it failed, in a sentence with the last lines of its output; empty when it did not."""
        if self.exit_code in (None, 0):
            return ""
        name = self.spec.get("name", "")
        if self._problem:
            return f"Container {name} was not started: {self._problem}"
        return f"Container {name} {self._how()}{self._last_output()}"

    def last_words(self) -> str:
        """That it still runs, in a sentence with the last lines of its output; empty otherwise."""
        if not self.is_running:
            return ""
        return f"Container {self.spec.get('name', '')} was still running{self._last_output()}"

    def status(self) -> Manifest:
        """Its entry in the pod's status."""
        status: Manifest = {
            "name": self.spec.get("name", ""),
            "image": self.spec.get("image", ""),
            # Nothing is pulled. Clients of Kubernetes want the field to be there.
            "imageID": "",
            "ready": self.exit_code is None and self._process is not None,
            "started": self.is_started,
            "restartCount": self.restarts,
            "state": self._state(),
        }
        if self._last is not None:
            status["lastState"] = self._last
        return status

    def _state(self) -> Manifest:
        if self.exit_code is not None:
            reason = "Completed" if self.exit_code == 0 else "Error"
            terminated = {
                "exitCode": self.exit_code,
                "reason": "StartError" if self._problem else reason,
                "startedAt": _time(self.started_at),
                "finishedAt": _time(self.ended_at),
            }
            if self.exit_code != 0:
                terminated["message"] = self._problem or self._tail()
            return {"terminated": terminated}
        if self._process is not None:
            return {"running": {"startedAt": _time(self.started_at)}}
        if self._restart_at is not None:
            return {"waiting": {"reason": "CrashLoopBackOff", "message": self._how_last()}}
        waiting = {"reason": "ContainerCreating"}
        return {"waiting": {**waiting, "message": self.waits_for} if self.waits_for else waiting}

    def _poll(self) -> int | None:
        if self.exit_code is None and self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._end(code)
        return self.exit_code

    def _end(self, code: int) -> None:
        self.exit_code, self.ended_at = code, self.around.clock.now()

    def _plan_restart(self) -> None:
        self._last = self._state()
        pause = min(FIRST_PAUSE * 2**self.restarts, LONGEST_PAUSE)
        self._restart_at = self.around.clock.monotonic() + pause
        self.restarts += 1
        self._process = self.exit_code = None
        self._problem = ""

    def _run_place(self, restarts: int) -> str:
        return f"{self.place}.{restarts}" if restarts else self.place

    def _register(self, place: str) -> None:
        self.places.append(place)
        self.around.register(place, self.pod)

    def _how(self) -> str:
        code = self.exit_code
        if self._process is not None and self._process.is_lost:
            return "vanished without an exit code (was it killed, or the machine restarted?)"
        if code == 127 and not self._problem:
            return "exited with code 127: the command or its directory was not found"
        if code == 126:
            return "exited with code 126: the command may not be executed"
        if code in _SIGNALS:
            return f"was {_SIGNALS[code]}, exit code {code}"
        return f"exited with code {code}"

    def _how_last(self) -> str:
        terminated: Manifest = (self._last or {}).get("terminated", {})
        return f"the last run exited with code {terminated.get('exitCode', KILLED)}"

    def _last_output(self) -> str:
        tail = self._tail()
        return f"; its last output:\n{tail}" if tail else "; it wrote no output"

    def _tail(self) -> str:
        try:
            with open(self.log, "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-TAIL_LINES:])


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
