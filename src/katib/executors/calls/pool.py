"""Workers that are kept warm, and the calls that they make."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from katib.api.values import Key
from katib.errors import KatibError, StoreUnavailableError
from katib.executors.calls.call import Call, Going
from katib.executors.calls.listener import Ears, Listener
from katib.executors.calls.messages import (
    PROTOCOL,
    Begin,
    FromWorker,
    Heard,
    Raised,
    Ready,
    Reported,
    Returned,
    Stopped,
    Unloadable,
)
from katib.executors.calls.outcome import (
    EARLY_STOPPED,
    NOT_KEPT,
    NOT_LOADED,
    RAISED,
    RETURNED,
    Outcome,
    with_output,
    word_end,
)
from katib.executors.calls.output import Outputs, read_tail
from katib.executors.calls.payload import PayloadError, read_payload
from katib.executors.calls.seat import GRACE_SECONDS, SILENT_SECONDS, STOP_SECONDS, Seat
from katib.executors.calls.worker import Command, Worker
from katib.ports.clock import Clock
from katib.ports.observation_log import MetricEntry

_LOG = logging.getLogger(__name__)

#: How long a worker may have nothing to do before it is asked whether anybody wants it, in seconds.
IDLE_SECONDS = 5.0

#: How soon a report is tried again that could not be taken, in seconds.
REPORT_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where functions are, and how they are called.

    Attributes:
        functions: the folder of their files.
        trials: the folder of all trials' files.
        command: what starts a worker.
    """

    functions: Path
    trials: Path
    command: Command


class CallPool:
    """Gives each call a worker of its function: one that is warm and idle, else a new one.

    There are never more workers of a function than calls of it were made at once, and they end some
    seconds after nobody wants them any more.

    Args:
        place: where functions are.
        clock: for times and limits.
        wake: called with the key of a call that has ended.
        is_wanted: whether an idle worker of that function is to be kept.
    """

    def __init__(
        self,
        place: Place,
        clock: Clock,
        wake: Callable[[Key], None],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._place, self._clock = place, clock
        self._wake, self._is_wanted = wake, is_wanted
        self._outputs = Outputs(place.trials)
        self._listener = Listener(Ears(self._hear, self._finish, self._look), clock)
        self._starter = ThreadPoolExecutor(1, "call-workers")
        # Guards what follows, for moments only.
        self._changed = threading.Condition()
        self._going: dict[str, Going] = {}
        self._waiting: defaultdict[str, deque[Going]] = defaultdict(deque)
        self._starting: Counter[str] = Counter()
        self._seats: list[Seat] = []
        self._is_closed = False

    def start(self) -> None:
        """Begin to listen; what an earlier engine's workers left is forgotten."""
        self._outputs.clear()
        self._listener.start()

    def __contains__(self, uid: object) -> bool:
        return uid in self._going

    def begin(self, call: Call) -> None:
        """Make a call as soon as there is a worker."""
        going = Going(call)
        with self._changed:
            self._going[call.uid] = going
            idle = (one for one in self._seats if one.is_idle)
            seat = next((one for one in idle if one.worker.function == call.function), None)
            if seat is not None:
                self._give(seat, going)
                return
            self._waiting[call.function].append(going)
            self._start_missing(call.function)

    def gather(self) -> None:
        """See whether calls have ended, without waiting for it."""
        self._listener.gather()

    def find(self, uid: str) -> Going | None:
        """A call that was begun and not ended."""
        return self._going.get(uid)

    def end(self, uid: str) -> None:
        """Forget a call; one that is made is ended, gently first."""
        with self._changed:
            going = self._going.pop(uid, None)
            if going is None or going.outcome is not None:
                return
            with suppress(ValueError):
                self._waiting[going.call.function].remove(going)
            for seat in self._seats:
                if seat.going is going:
                    seat.end(self._clock.monotonic(), grace=GRACE_SECONDS)

    @property
    def is_idle(self) -> bool:
        """Whether no call is made or waits."""
        with self._changed:
            is_free = all(seat.going is None for seat in self._seats)
            return is_free and all(one.outcome is not None for one in self._going.values())

    @property
    def is_settled(self) -> bool:
        """Whether no call is made that is to end."""
        with self._changed:
            return not any(seat.going is not None and seat.is_ending for seat in self._seats)

    def interrupt(self) -> None:
        """Ask every worker to end, and kill those that do not; no call begins any more."""
        with self._changed:
            self._is_closed = True
            for seat in self._seats:
                seat.end(self._clock.monotonic(), grace=GRACE_SECONDS)
            self._changed.wait_for(lambda: not self._seats, GRACE_SECONDS + 2 * SILENT_SECONDS)

    def kill(self) -> None:
        """Kill every worker at once; also from another thread, during :meth:`interrupt`."""
        with self._changed:
            for seat in self._seats:
                seat.kill(self._clock.monotonic())

    def close(self) -> None:
        """End all workers at once."""
        with self._changed:
            self._is_closed = True
        # One that is just being started is there when this returns.
        self._starter.shutdown()
        self.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._seats)
        self._listener.close()
        self._outputs.clear()

    def _give(self, seat: Seat, going: Going) -> None:
        call = going.call
        trial = Key("", "") if call.reports is None else call.reports.trial
        seat.going, going.started = going, self._clock.now()
        if call.timeout_seconds is not None:
            going.timeout_at = self._clock.monotonic() + call.timeout_seconds
        try:
            output = seat.renew_output(self._outputs)
        except OSError as error:
            seat.going = None
            why = f"what it prints cannot be kept: {error}"
            going.outcome = Outcome(NOT_LOADED, why, None, self._clock.now())
            self._wake(call.key)
            return
        self._say(seat, Begin(trial.name, trial.namespace, call.arguments, output))

    def _say(self, seat: Seat, message: Begin | Heard) -> None:
        if not seat.worker.tell(message):
            self._listener.note(seat)

    def _start_missing(self, function: str) -> None:
        while not self._is_closed and self._starting[function] < len(self._waiting[function]):
            self._starting[function] += 1
            self._starter.submit(self._start, function)

    def _start(self, function: str) -> None:
        """Start a worker; whoever waits longest is told when that is impossible."""
        try:
            payload = read_payload(self._place.functions / function)
            worker = Worker(payload, self._place.command, self._outputs.make())
        except (PayloadError, OSError, ValueError) as error:
            with self._changed:
                ended = self._fail_waiting(function, _unstartable(error))
            if ended is not None:
                self._wake(ended.call.key)
            return
        seat = Seat(worker, self._clock.monotonic())
        with self._changed:
            self._seats.append(seat)
        self._listener.note(seat)

    def _fail_waiting(self, function: str, why: str) -> Going | None:
        """A worker of the function could not be had; the call that hears of it."""
        self._starting[function] -= 1
        waiting = self._waiting[function]
        if not waiting:
            return None
        going = waiting.popleft()
        going.outcome = Outcome(NOT_LOADED, why, None, self._clock.now())
        return going

    # What follows is called by the listener, and never twice at once for a worker.

    def _hear(self, seat: Seat, message: FromWorker) -> None:
        going = seat.going
        if isinstance(message, Reported | Returned) and going is not None and not seat.is_ending:
            try:
                going.stop = _take(going.call, message) or going.stop
            except StoreUnavailableError:
                seat.held, seat.since = message, self._clock.monotonic()
                return
            except Exception as error:
                # Others are not to wait for ever because of what one of them reports.
                if not isinstance(error, KatibError):
                    _LOG.exception("The reports of %s cannot be taken", going.call.key)
                with self._changed:
                    seat.end(self._clock.monotonic(), (NOT_KEPT, f"a report is refused: {error}"))
                return
        with self._changed:
            ended = self._heed(seat, message)
        if ended is not None:
            self._wake(ended.call.key)

    def _heed(self, seat: Seat, message: FromWorker) -> Going | None:
        """Do what a message asks for; the call that has ended by it."""
        if isinstance(message, Ready):
            self._open(seat, message)
            return None
        if isinstance(message, Unloadable):
            seat.problem = message.problem
            return None
        going = seat.going
        if going is None or seat.is_ending:
            # Nobody waits for this call any more, or it was too late.
            return None
        if isinstance(message, Reported):
            if going.stop and going.stop_by is None:
                going.stop_by = self._clock.monotonic() + STOP_SECONDS
            self._say(seat, Heard(going.stop))
            return None
        if message.has_printed:
            seat.show_output()
        going.outcome = self._judge(going, message)
        self._free(seat, is_last=isinstance(message, Raised) and message.is_last)
        return going

    def _open(self, seat: Seat, message: Ready) -> None:
        if message.protocol != PROTOCOL:
            seat.problem = (
                f"its Python has another Katib, which speaks protocol {message.protocol} where "
                f"this engine speaks {PROTOCOL}; install the same in both"
            )
            seat.end(self._clock.monotonic())
            return
        self._starting[seat.worker.function] -= 1
        seat.is_ready = True
        self._free(seat)

    def _free(self, seat: Seat, is_last: bool = False) -> None:
        """Let it make another call."""
        now, waiting = self._clock.monotonic(), self._waiting[seat.worker.function]
        seat.going, seat.since = None, now
        if is_last:
            seat.end(now, grace=GRACE_SECONDS)
            self._start_missing(seat.worker.function)
        elif waiting:
            self._give(seat, waiting.popleft())

    def _judge(self, going: Going, message: Returned | Raised | Stopped) -> Outcome:
        ended = self._clock.now()
        if going.stop:
            return Outcome(EARLY_STOPPED, going.stop, going.started, ended)
        if isinstance(message, Returned):
            return Outcome(RETURNED, "The function has returned", going.started, ended)
        if isinstance(message, Raised):
            return Outcome(message.reason, message.problem, going.started, ended)
        why = "the function raised EarlyStopped, and no early stopping rule was met"
        return Outcome(RAISED, why, going.started, ended)

    def _look(self, now: float) -> None:
        for seat in tuple(self._seats):
            if seat.held is not None and now >= seat.since + REPORT_AGAIN:
                held, seat.held = seat.held, None
                self._hear(seat, held)
            with self._changed:
                seat.look(now)
            if seat.is_idle and now >= seat.since + IDLE_SECONDS:
                self._dismiss(seat, now)

    def _dismiss(self, seat: Seat, now: float) -> None:
        """End a worker that nobody wants."""
        is_wanted = self._is_wanted(seat.worker.function)
        with self._changed:
            if is_wanted:
                seat.since = now
            elif seat.is_idle:
                seat.end(now, grace=GRACE_SECONDS)

    def _finish(self, seat: Seat) -> None:
        """A worker has ended, or speaks no more."""
        code = seat.worker.end()
        with self._changed:
            self._seats.remove(seat)
            ended = self._conclude(seat, code)
            self._start_missing(seat.worker.function)
            self._changed.notify_all()
        seat.worker.output.unlink(missing_ok=True)
        if ended is not None:
            self._wake(ended.call.key)

    def _conclude(self, seat: Seat, code: int | None) -> Going | None:
        """Say how the call ended that its worker did not end; if there is one."""
        going, function = seat.going, seat.worker.function
        reason, why = seat.doom or word_end(code)
        if going is None:
            if seat.is_ready:
                return None
            why = seat.problem or with_output(why, read_tail(seat.worker.output))
            return self._fail_waiting(function, why)
        seat.show_output()
        if going.stop:
            reason, why = EARLY_STOPPED, going.stop
        elif seat.doom is None:
            why = with_output(why, read_tail(seat.log))
        going.outcome = Outcome(reason, why, going.started, self._clock.now())
        return going if going.call.uid in self._going else None


def _take(call: Call, message: Reported | Returned) -> str:
    """Keep the values of a message; why the call is to stop, if it is."""
    if call.reports is None or not message.values:
        return ""
    moment = datetime.fromtimestamp(message.time, UTC)
    return call.reports.take(
        [MetricEntry(moment, name, value) for name, value in message.values.items()]
    )


def _unstartable(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"the function's worker cannot be started: {error.filename}: {error.strerror}"
    return str(error)
