"""The process beside a trial's program: reads its metrics, reports them, ends it early.

What Katib's images of metrics collectors do, with the same options. It must stay small: only what
is needed is loaded, and gRPC by the thread that reports, while the program is followed already.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from katib.api import names
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.apps.collector_options import JSON, CollectorOptions, read_options
from katib.collectors.ending import GRACE_SECONDS, Ending
from katib.collectors.following import Following, Reading, Reports
from katib.collectors.lines import Lines
from katib.collectors.neighbours import COMPLETED, Neighbours
from katib.collectors.stopping import RuleWatch
from katib.collectors.watching import PodWatch
from katib.errors import KatibError, OutboxFullError
from katib.observations.outbox import Outbox
from katib.ports.clock import Clock
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import ObservationLog

#: The folder beside the markers in which reports wait.
STATE_FOLDER = ".katib"

#: How long the end of a stopped trial may take to be told, in seconds.
TELL_SECONDS = 120.0

#: How often what is waited for is said again, in seconds.
SAY_EVERY = 60.0

#: How long is left to report when the collector itself is asked to end, in seconds: while the
#: program goes on, and when it has ended and nothing is left but to report.
LAST_SECONDS, OVER_SECONDS = 5.0, 240.0

#: How soon it is looked again when something is soon to happen, in seconds.
SOON = 0.2

#: Where a pod finds its namespace.
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

#: The exit code of a program that ended because it was asked to.
TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a collector works with.

    Attributes:
        neighbours: the processes of its pod.
        clock: for pauses.
        connect: makes the observation log.
        tell_stopped: says that the trial was stopped early, and why; raises a :class:`KatibError`
            when nobody hears it.
        say: tells whoever reads the collector's own log.
        show: shows what the program printed.
        namespace: the trial's; empty when it is not known.
        grace_seconds: how long a program may take to end.
    """

    neighbours: Neighbours
    clock: Clock
    connect: Callable[[], ObservationLog]
    tell_stopped: Callable[[str], None]
    say: Callable[[str], None]
    show: Callable[[bytes], None]
    namespace: str = ""
    grace_seconds: float = GRACE_SECONDS


class MetricsCollector:
    """Follows one program to its end.

    Args:
        options: what is collected.
        around: what it works with.

    Raises:
        OSError: the folder of the metrics cannot be read or written.
        StoreUnavailableError: what waits there cannot be read.
    """

    def __init__(self, options: CollectorOptions, around: Surroundings) -> None:
        self._options, self._around = options, around
        self._trial = Key(around.namespace, options.trial)
        folder = os.path.join(marker_folder(options), STATE_FOLDER)
        self._state = os.path.join(folder, "started")
        self._outbox = Outbox(around.connect, folder, around.clock)
        self._is_told_to_end = threading.Event()
        self._watch = PodWatch(around.neighbours, options.is_waiting_for_all)
        self._following = self._follower()
        self._shown = Lines(options.path) if options.format else None
        self._ending: Ending | None = None
        self._is_stoppable = True
        self._reason = self._begin()
        self._said, self._said_at = "", -SAY_EVERY

    def run(self) -> int:
        """Collect until the program has ended and all is reported; the exit code."""
        self._outbox.start()
        try:
            return self._follow() or self._finish()
        except KatibError:
            self._drain(LAST_SECONDS)
            raise
        finally:
            self._outbox.close()

    def stop(self) -> None:
        """End soon, with what is there by then. From a signal's handler or any thread."""
        self._is_told_to_end.set()

    def _begin(self) -> str:
        """Note that collecting has begun; why an earlier collector of this pod stopped the program.

        The log is read from its beginning, so what that one reported is replaced, and what one of
        an earlier pod did, where that is wanted.
        """
        reason, is_first = "", False
        try:
            with open(self._state, encoding="utf-8") as file:
                reason = file.read()
        except FileNotFoundError:
            is_first = True
        if not is_first or self._options.is_anew:
            self._outbox.delete(self._trial)
        if is_first:
            self._note("")
        return reason

    def _note(self, reason: str) -> None:
        os.makedirs(os.path.dirname(self._state), exist_ok=True)
        with open(self._state, "w", encoding="utf-8") as file:
            file.write(reason)

    def _follower(self) -> Following:
        options, say = self._options, self._around.say
        rules = RuleWatch(options.rules, options.objective)
        for rule in rules.unreadable:
            say(f'The value "{rule.value}" of the rule for {rule.name} cannot be read: not stopped')
        metrics = (*options.objective.exact_names, *sorted(rules.metrics))
        source = CollectorSource(
            tuple(dict.fromkeys(metrics)),
            options.filters,
            options.path,
            options.format or "TEXT",
            options.objective.wildcards,
        )
        reports = Reports(
            lambda entries: self._outbox.report(self._trial, entries),
            lambda reason, message: say(f"{reason}: {message}"),
            lambda reason: None,
        )
        return Following(_reading(options, source), options.objective, reports, {}, rules)

    def _follow(self) -> int:
        """Read until the programs have ended; an exit code when that is not waited for."""
        clock, options = self._around.clock, self._options
        began = clock.monotonic()
        while True:
            is_over = self._watch.look()
            self._read(is_ended=False)
            if is_over:
                return 0
            now = clock.monotonic()
            self._heed(now)
            self._say_waits(self._watch.waits_for(options.path, now - began), now)
            if options.timeout_seconds and now - began >= options.timeout_seconds:
                raise KatibError("timed out waiting for pids to complete")
            pause = min(SOON, options.poll_seconds) if self._ending else options.poll_seconds
            if self._is_told_to_end.wait(pause):
                return self._end_early()

    def _end_early(self) -> int:
        """An exit code, unless the programs have ended: a native sidecar is asked to end then."""
        if self._watch.look():
            return 0
        self._read(is_ended=False)
        self._drain(LAST_SECONDS)
        return TERMINATED

    def _heed(self, now: float) -> None:
        """Do what the rules say."""
        main = self._watch.main
        reason = self._reason or self._following.stop_reason
        if main is None or not (reason and self._is_stoppable and self._watch.is_main_alive):
            return
        try:
            if self._ending is None:
                self._around.say(f"The trial is stopped early: {reason}")
                grace = self._around.grace_seconds
                self._ending = Ending(self._around.neighbours, main, now, grace)
                self._reason = reason
                self._note(reason)
            self._ending.advance(now)
        except OSError as error:
            self._around.say(
                f"The program cannot be stopped and goes on: {error}. The collector must run as "
                "the same user, and its folder must be writable"
            )
            self._is_stoppable, self._ending, self._reason = False, None, ""
            self._note("")

    def _read(self, is_ended: bool, is_failed: bool = False) -> bool:
        """Read and report what is new; whether that is all."""
        try:
            is_caught_up = False
            while not is_caught_up:
                is_caught_up = self._following.advance(is_ended, is_failed)
                self._show(is_ended)
        except (OutboxFullError, OSError) as error:
            self._say_waits(str(error), self._around.clock.monotonic())
            return False
        return True

    def _show(self, is_ended: bool) -> None:
        is_caught_up = self._shown is None
        while self._shown is not None and not is_caught_up:
            data, is_caught_up = self._shown.read(is_ended)
            self._around.show(data)

    def _finish(self) -> int:
        """Report the rest and say how it ended."""
        marker = self._watch.marker
        is_failed = not self._reason and marker != COMPLETED
        while not self._read(True, is_failed):
            if self._is_told_to_end.wait(SOON):
                return TERMINATED
        if not self._drain(None):
            return TERMINATED
        if self._reason:
            return self._tell_stopped()
        if is_failed:
            self._around.say(self._watch.failure(marker_folder(self._options)))
        return 1 if is_failed else 0

    def _drain(self, seconds: float | None) -> bool:
        """Wait until everything is stored; whether it is, when that was not waited for longer."""
        clock = self._around.clock
        until = None if seconds is None else clock.monotonic() + seconds
        while not self._outbox.wait_until_empty(SOON):
            now = clock.monotonic()
            self._say_waits(self._outbox.delay(self._trial), now)
            if until is not None and now >= until:
                return False
            if until is None and self._is_told_to_end.is_set():
                return self._drain(OVER_SECONDS)
        return True

    def _tell_stopped(self) -> int:
        clock = self._around.clock
        began = clock.monotonic()
        while True:
            try:
                self._around.tell_stopped(self._reason)
                return 0
            except KatibError as error:
                now = clock.monotonic()
                self._say_waits(str(error), now)
                is_hurried = self._is_told_to_end.wait(SOON * 5)
                if now - began >= TELL_SECONDS:
                    self._around.say("The trial counts as one that ended by itself")
                    return 0
                if is_hurried:
                    # What has already come is no longer waited for.
                    time.sleep(SOON)

    def _say_waits(self, what: str, now: float) -> None:
        """Say what is waited for, now and again."""
        if what and (what != self._said or now - self._said_at >= SAY_EVERY):
            self._said, self._said_at = what, now
            self._around.say(what)


def main(words: Sequence[str]) -> int:
    """Run the process; its exit code."""
    try:
        options = read_options(words)
    except KatibError as error:
        _say(str(error))
        return 2
    try:
        collector = MetricsCollector(options, _surroundings(options))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: collector.stop())
        return collector.run()
    except (KatibError, OSError) as error:
        _say(str(error))
        return 1


def marker_folder(options: CollectorOptions) -> str:
    """Where markers are: beside the file that is read, or in the folder."""
    return os.path.dirname(options.path) if options.format else options.path


def _reading(options: CollectorOptions, source: CollectorSource) -> Reading:
    # Only what is used is loaded.
    if options.endpoint:
        return _served(options, source)
    if not options.format:
        from katib.collectors.tensorflow_event import EventReading, TensorFlowEventCollector

        return EventReading(TensorFlowEventCollector(source), source, options.path)
    if options.format == JSON:
        from katib.collectors.json_lines import JsonCollector

        return Reading(JsonCollector(source), source, options.path)
    from katib.collectors.text import TextCollector

    return Reading(TextCollector(source), source)


def _served(options: CollectorOptions, source: CollectorSource) -> Reading:
    from katib.collectors.addresses import TrialAddresses
    from katib.collectors.prometheus import PrometheusCollector, PrometheusReading

    served = TrialAddresses(options.trial, document=options.endpoint)
    # A pod is a machine of its own: no other trial has the port.
    served.port = served.stated.port
    source = replace(source, addresses=served.addresses, clock=SystemClock())
    return PrometheusReading(PrometheusCollector(source), source, served=served)


def _surroundings(options: CollectorOptions) -> Surroundings:
    namespace = _namespace()

    def connect() -> ObservationLog:
        # gRPC takes as long to load as everything else: what is printed is read meanwhile.
        from katib.observations.remote import RemoteObservationLog

        token = os.environ.get(names.ENV_DB_MANAGER_TOKEN, "")
        return RemoteObservationLog(options.db_manager, token)

    def tell_stopped(reason: str) -> None:
        from katib.suggesters.stopped import tell_stopped

        token = os.environ.get(names.ENV_DB_MANAGER_TOKEN, "")
        tell_stopped(options.early_stopping, options.trial, token, reason)

    neighbours = Neighbours(marker_folder(options), os.getpid(), is_marked=options.is_marked)
    return Surroundings(
        neighbours, SystemClock(), connect, tell_stopped, _say, _Screen().show, namespace
    )


def _namespace() -> str:
    """The namespace of this pod, as far as it says so."""
    named = os.environ.get(names.ENV_NAMESPACE, "")
    try:
        with open(SERVICE_ACCOUNT, encoding="utf-8") as file:
            return named or file.read().strip()
    except OSError:
        return named


def _say(text: str) -> None:
    print(f"katib metrics-collector: {text}", file=sys.stderr, flush=True)


class _Screen:
    """What the program printed is what users look for in the collector's log."""

    def __init__(self) -> None:
        self._is_open = True

    def show(self, data: bytes) -> None:
        if not data or not self._is_open:
            return
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError:
            # Nobody looks any more.
            self._is_open = False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
