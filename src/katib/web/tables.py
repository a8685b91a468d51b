"""The trials of experiments as columns, made once for all who look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from katib.api.names import SUCCEEDED
from katib.api.values import Manifest
from katib.client.analysis.importances import Importances, importances
from katib.client.trial_table import TrialRow, TrialTable
from katib.web.watched import Scope, Sources

#: How many times as long as it takes to make a table it is at least kept. 10,000 trials take
#: 0.35 s: what changes is seen within a second, and some of a processor is left to the pages.
PATIENCE = 0.25

#: Importances are computed anew once there are so many times as many trials: they take seconds of
#: a processor, and so few more change nothing that could be seen.
MORE = 1.02

#: How long a table is kept of which nobody asks, in seconds.
KEPT_SECONDS = 60.0


class Rows:
    """What was read of trials; most of them are as they were when the next table is made."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Manifest, TrialRow]] = {}
        self._before = self._read

    def read(self, trial: Manifest) -> TrialRow:
        """The row of a trial, which is the same manifest as before unless it has changed."""
        name = trial["metadata"]["name"]
        found = self._before.get(name)
        if found is None or found[0] is not trial:
            found = trial, TrialRow.of(trial)
        self._read[name] = found
        return found[1]

    def forget(self) -> None:
        """Forget all that was not asked for since this was called the last time."""
        self._before, self._read = self._read, {}


@dataclass(slots=True)
class Drawn:
    """A table and what it was made from.

    Attributes:
        table: of the trials; ``None`` before anything is known of them.
        versions: of the copies that it was made from.
        made: when, by the monotonic clock.
        took: how long it took, in seconds.
        seen: when somebody asked for it last, likewise.
        rows: what was read of its trials.
        lock: held while it is made.
        important: which parameters matter, once somebody has asked for that.
        weighed: the first trial then, by which another experiment of the name is told, and how
            many had succeeded.
        weighing: held while that is computed; whoever wants the table does not wait for it.
    """

    table: TrialTable | None = None
    versions: tuple[int, int] = (-1, -1)
    made: float = 0.0
    took: float = 0.0
    seen: float = 0.0
    rows: Rows = field(default_factory=Rows)
    lock: threading.Lock = field(default_factory=threading.Lock)
    important: Importances | None = None
    weighed: tuple[str, int] = ("", 0)
    weighing: threading.Lock = field(default_factory=threading.Lock)


class Tables:
    """Makes tables from copies.

    Args:
        sources: the copies.
        monotonic: tells how old a table is.
    """

    def __init__(self, sources: Sources, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sources, self._monotonic = sources, monotonic
        self._lock = threading.Lock()
        self._drawn: dict[tuple[str, str], Drawn] = {}

    def find(self, namespace: str, experiment: str) -> tuple[TrialTable | None, int]:
        """The table of an experiment's trials, and its version; ``None`` while nothing is known.

        It may be a moment old when it takes long to make.
        """
        now = self._monotonic()
        with self._lock:
            drawn = self._drawn.setdefault((namespace, experiment), Drawn())
            drawn.seen = now
            for key in [k for k, d in self._drawn.items() if now - d.seen > KEPT_SECONDS]:
                del self._drawn[key]
        experiments = self._sources.find(Scope("experiments", namespace))
        trials = self._sources.find(Scope("trials", namespace, experiment))
        with drawn.lock:
            versions = experiments.version, trials.version
            is_old = now - drawn.made >= PATIENCE * drawn.took
            found = experiments.find(namespace, experiment)
            if found is not None and trials.is_known and versions != drawn.versions and is_old:
                drawn.table = TrialTable.of(found, trials.list(), drawn.rows.read)
                drawn.rows.forget()
                drawn.made = self._monotonic()
                drawn.took, drawn.versions = drawn.made - now, versions
            return drawn.table, sum(drawn.versions)

    def importances(self, table: TrialTable) -> Importances:
        """Which parameters matter, computed once for all who look.

        Of very many trials it may be the answer for a few less.
        """
        with self._lock:
            drawn = self._drawn.get((table.namespace, table.experiment))
        if drawn is None:
            return importances(table)
        first, count = next(iter(table.names), ""), table.statuses.count(SUCCEEDED)
        with drawn.weighing:
            of, before = drawn.weighed
            if drawn.important is None or of != first or not before <= count <= MORE * before:
                drawn.important, drawn.weighed = importances(table), (first, count)
            return drawn.important

    def progress(self, namespace: str, experiment: str) -> object:
        """Another answer whenever :meth:`find` may have news; quick enough to be asked often.

        A table that is made only now and then is news once more when its time has come: the last
        change is not missed.
        """
        with self._lock:
            drawn = self._drawn.get((namespace, experiment))
        experiments = self._sources.find(Scope("experiments", namespace))
        trials = self._sources.find(Scope("trials", namespace, experiment))
        versions = experiments.version, trials.version
        if drawn is None:
            return versions
        is_due = versions != drawn.versions and (
            self._monotonic() - drawn.made >= PATIENCE * drawn.took
        )
        return versions, drawn.versions, is_due

    def find_experiment(self, namespace: str, experiment: str) -> tuple[Manifest | None, bool]:
        """The experiment, and whether it is known that there is none."""
        experiments = self._sources.find(Scope("experiments", namespace))
        return experiments.find(namespace, experiment), experiments.is_known
