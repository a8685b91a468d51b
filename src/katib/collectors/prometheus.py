"""Metrics that a program serves over HTTP in Prometheus' format, looked at while it runs."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from katib.collectors.addresses import TrialAddresses
from katib.collectors.exposition import ExpositionError, Snapshot, read_snapshot
from katib.collectors.following import Reading
from katib.collectors.scrape import BrokenOffError, NobodyThereError, ScrapeError, fetch
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.sidecar import METRICS_PORT_VARIABLE

#: How long after a look the next one is, in seconds; later, if a look takes more than a tenth of
#: that, so that none takes much of the machine.
EVERY_SECONDS, REST = 0.5, 10

#: How long the look that goes on is waited for when the program has ended, in seconds, in all and
#: in one step.
LAST_SECONDS, STEP_SECONDS = 0.5, 0.02


class PrometheusCollector:
    """Asks a program for its metrics, again and again, in a thread of its own.

    A value counts when it differs from the one before: what a program serves it serves until there
    is a new one. Its time is the sample's own, or that of the look. When the program ends, what was
    seen until then is all there is. A collector that nobody holds any more stops by itself.

    Attributes:
        state: what was seen so far, for whoever tells the user.
    """

    def __init__(self, source: CollectorSource) -> None:
        self.state = Looks(source)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_look_on, args=(self.state, self._stop), name="metrics", daemon=True
        )
        self._left = int(LAST_SECONDS / STEP_SECONDS)
        weakref.finalize(self, self._stop.set)

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        if not is_ended:
            if self._thread.ident is None:
                self._thread.start()
            return self.state.take(), True
        self._stop.set()
        if self._thread.is_alive() and self._left:
            self._left -= 1
            self._thread.join(STEP_SECONDS)
        is_over = not (self._thread.is_alive() and self._left)
        return self.state.take(), is_over


class Looks:
    """What looks at a program have seen; written by one thread, read by another.

    Args:
        source: where to look, and for what.

    Attributes:
        is_served: whether there was an answer with metrics.
        problem: what was wrong with the last answer; empty when nobody listened, or all was well.
        snapshot: the last answer.
    """

    def __init__(self, source: CollectorSource) -> None:
        self._source = source
        self._values: Mapping[str, str] = {}
        self._new: deque[MetricEntry] = deque()
        self.is_served, self.problem, self.snapshot = False, "", Snapshot()

    def take(self) -> Sequence[MetricEntry]:
        """The entries since the last time."""
        taken: list[MetricEntry] = []
        while self._new:
            taken.append(self._new.popleft())
        return taken

    def look(self) -> None:
        """Ask once, at the first place where somebody listens."""
        source = self._source
        now = NO_TIME if source.clock is None else source.clock.now()
        for address in source.addresses():
            try:
                text = fetch(address)
                snapshot = read_snapshot(text, source.metrics, source.wildcards, now)
            except NobodyThereError:
                continue
            except BrokenOffError as error:
                # A program that ends while it is asked: what it answered before tells more.
                if not self.is_served:
                    self.problem = self.problem or f"{address}: {error}"
                return
            except (ScrapeError, ExpositionError) as error:
                self.problem = f"{address}: {error}"
                return
            self._note(snapshot)
            return

    def _note(self, snapshot: Snapshot) -> None:
        before, self._values = self._values, {one.name: one.value for one in snapshot.entries}
        self._new.extend(one for one in snapshot.entries if before.get(one.name) != one.value)
        self.is_served, self.problem, self.snapshot = True, "", snapshot


def _look_on(looks: Looks, stop: threading.Event) -> None:
    pause = 0.0
    while not stop.wait(pause):
        started = monotonic()
        looks.look()
        pause = max(EVERY_SECONDS, REST * (monotonic() - started))


@dataclass(frozen=True, slots=True)
class PrometheusReading(Reading):
    """What is read of a program that serves its metrics, and how a missing one is told.

    Attributes:
        served: where it may serve them.
    """

    served: TrialAddresses = field(default_factory=TrialAddresses)

    def trouble(self, is_failed: bool) -> str:
        """See :class:`Reading`."""
        looks = self._looks
        if looks.problem:
            return f"The metrics cannot be read at {looks.problem}"
        if looks.is_served or not is_failed or not self.served.rival:
            return ""
        return f"No metrics were read: {self.served.rival}. {self._advice()}"

    def miss(self, metric: str) -> str:
        """See :class:`Reading`."""
        looks, where = self._looks, self._where()
        head = f"The {self.by} ended well"
        if looks.problem:
            return f'{head}, and "{metric}" could not be read at {looks.problem}'
        if not looks.is_served:
            rival = f" ({self.served.rival})" if self.served.rival else ""
            return f"{head} before anybody answered at {where}{rival}. {self._advice()}"
        doubts = looks.snapshot.doubts.get(metric)
        if doubts:
            meant = f'"{metric}" could be each of {", ".join(doubts)}'
            return f"{head}, but {meant}: name one of them, or its labels"
        there = ", ".join(looks.snapshot.names) or "nothing"
        return f'{head}, but served no "{metric}"; it served {there}'

    @property
    def _looks(self) -> Looks:
        assert isinstance(self.collector, PrometheusCollector)
        return self.collector.state

    def _where(self) -> str:
        return " or ".join(map(str, self.served.all))

    def _advice(self) -> str:
        return (
            f"Let it serve its metrics at the port in the variable {METRICS_PORT_VARIABLE}, "
            f"{self.served.port} for this trial, and stay for a second after its last value"
        )
