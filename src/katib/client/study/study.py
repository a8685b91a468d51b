"""The study: an experiment whose trials are asked for and told of."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Unpack, overload

from katib.api import names, told
from katib.api.values import Manifest
from katib.client.backend import Backend
from katib.client.finding import find_backend
from katib.client.study import documents
from katib.client.study.asked import AskedTrial, end_of
from katib.client.study.desk import Desk, asked_of, name_of_trial, pauses
from katib.client.study.documents import Searched, StudySpec
from katib.client.study.errors import AskTimeoutError, StudyRefusedError
from katib.client.study.telling import Measured, Value, read_parameters
from katib.client.tuning.pictures import Pictures

if TYPE_CHECKING:
    from katib.client.trial_table import TrialTable

#: How long an ask waits, in seconds, when nothing is said.
PATIENCE = 60.0

#: From which pause on between looks for a trial it is asked why it is not there, in seconds.
_WONDER_FROM = 0.05


@dataclass(frozen=True, slots=True)
class StudyTrial:
    """A trial of a study, as it is now.

    Attributes:
        name: of the trial.
        status: ``Succeeded``, ``Failed``, ``EarlyStopped`` … or ``Running``.
        parameters: what it was given, as for who asked.
        value: the objective's; ``None`` without one.
        metrics: what was observed of each metric, by its strategy.
    """

    name: str
    status: str
    parameters: Mapping[str, Value]
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


class Study(Pictures):
    """A search whose trials your own program carries out: it asks for one, runs it, and tells.

    It is an Experiment of the engine: durable, shown by ``katib get`` and the UI, and shared by
    every program that opens one of the same name, on this machine or, with a cluster's engine,
    anywhere. Each suggestion is made with all that was told before it was asked for. One object may
    be used by several threads.

    Args:
        parameters: the search space, by name, of what ``katib.search`` gives; or an Experiment as
            plain data or as the path of a YAML file, without a trial template. Left out, the study
            of that name must be there.
        name: of the experiment; made up when it is left out. Where there is one of that name, the
            study goes on with it, and what is said must fit.
        namespace: where it lives; the engine's default.
        home: the folder of an engine on this machine.
        backend: the engine, when it is not to be found as :class:`katib.KatibClient` finds it.
        spec: see :class:`StudySpec`.

    Raises:
        StudyRefusedError: the experiment of that name differs, or something cannot be used.
        RefusedError: the engine says what is not legal.

    Attributes:
        name: of the experiment.
        namespace: of the experiment.
    """

    def __init__(
        self,
        parameters: Searched | None = None,
        *,
        name: str | None = None,
        namespace: str | None = None,
        home: Path | str | None = None,
        backend: Backend | None = None,
        **spec: Unpack[StudySpec],
    ) -> None:
        if parameters is None and (spec or not name):
            raise StudyRefusedError(
                "parameters are missing: give a search space; or the name alone of a study that "
                "is there"
            )
        searched: Searched = {} if parameters is None else parameters
        said = {} if parameters is None else documents.word_spec(searched, spec)
        self._backend = backend = backend or find_backend(home=home)
        self.name = name or documents.name_of(searched) or f"study-{secrets.token_hex(4)}"
        self.namespace = namespace or backend.namespace
        self._desk = Desk(backend, self.namespace, self.name)
        self._choices = documents.choices_of(searched)
        # Numbers of trials that were asked for and not given, as somebody lost patience.
        self._claimed: list[int] = []
        self._lock = Lock()
        self._experiment = self._open(searched, said)

    def _open(self, searched: Searched, said: Manifest) -> Manifest:
        if not said:
            found = self._desk.read()
        else:
            is_document = documents.find_document(searched) is not None
            complete = documents.complete(said, is_document=is_document)
            document = documents.document_of(searched, complete, self.name, self.namespace)
            found = self._desk.create(document)
        asked_of(found)
        if not told.is_told(found["spec"]["trialTemplate"].get("trialSpec") or {}):
            raise StudyRefusedError(
                f'experiment "{self.name}" runs its trials by itself; give the study another name'
            )
        difference = documents.find_difference(said, found["spec"])
        if difference:
            raise StudyRefusedError(
                f'experiment "{self.name}" is there and differs: {difference}. Say the same, or '
                "the name alone, to go on with it; or give the study another name"
            )
        return found

    @overload
    def ask(self, n: None = None, *, timeout: float | None = PATIENCE) -> AskedTrial | None: ...

    @overload
    def ask(self, n: int, *, timeout: float | None = PATIENCE) -> list[AskedTrial]: ...

    def ask(
        self, n: int | None = None, *, timeout: float | None = PATIENCE
    ) -> AskedTrial | list[AskedTrial] | None:
        """Get trials to carry out; nobody else gets the same.

        Args:
            n: how many; left out, one, not in a list.
            timeout: how long is waited for each, in seconds; ``None`` for as long as it takes.

        Returns:
            As many as are left: none, or ``None``, when the search is over or its budget is asked
            for; see :attr:`is_finished`.

        Raises:
            AskTimeoutError: the algorithm, or the limit of trials that are outstanding, waits for
                something; the text says for what.
        """
        numbers = self._claim(1 if n is None else n)
        try:
            found = [self._wait_for(number, timeout) for number in numbers]
        except BaseException:
            # They stay asked for: whoever asks next here gets them.
            with self._lock:
                self._claimed = [*numbers, *self._claimed]
            raise
        trials = [trial for trial in found if trial is not None]
        return trials if n is not None else next(iter(trials), None)

    def tell(
        self,
        trial: AskedTrial | str,
        value: Measured | None = None,
        *,
        failed: bool = False,
        stopped: bool = False,
        message: str = "",
    ) -> str:
        """Tell how a trial ended. When this returns, it is safe, and the next ask knows it.

        Args:
            trial: the one that was asked for, or its name: any program may tell of it.
            value: the objective's value, or a mapping of metrics and values; may be left out when
                it was reported before.
            failed: it gave no result.
            stopped: it was given up before its end, since it did not promise to be good; what it
                has reported counts.
            message: why it failed or was stopped.

        Returns:
            The trial's end: ``Succeeded``, ``Failed``, ``EarlyStopped`` (also when a rule was met
            before) or ``MetricsUnavailable``.

        Raises:
            TellError: it has been told of before, is not there, or nothing was measured.
            UnreportableError: something is no number.
        """
        state = told.FAILED if failed else told.STOPPED if stopped else told.COMPLETE
        end = {told.STATE: state}
        if message:
            end[told.MESSAGE] = message
        if failed:
            end[told.REASON] = "ToldFailed"
        asked = trial if isinstance(trial, AskedTrial) else self._asked(trial, {})
        return asked.finish(value, end)

    def give_up(self, trial: AskedTrial | str, message: str = "it was given up") -> str:
        """Let an outstanding trial fail, as of a program that is gone; see :meth:`tell`."""
        return self.tell(trial, failed=True, message=message)

    def outstanding(self) -> list[AskedTrial]:
        """The trials that were asked for and not told of, by whatever program.

        Those of programs that are gone stay so until they are told of or given up.
        """
        found = [one for one in self._desk.list_trials() if not end_of(one)]
        ours = [one for one in found if names.LABEL_IMPORTED not in one["metadata"]["labels"]]
        ours.sort(key=lambda one: str(one["metadata"].get("creationTimestamp")))
        return [self._asked(one["metadata"]["name"], one) for one in ours]

    @property
    def is_finished(self) -> bool:
        """Whether the search is over: its goal or its budget is reached, or it has failed."""
        return bool(self.reason)

    @property
    def reason(self) -> str:
        """Why the search is over, as ``ExperimentGoalReached``; empty while it is not."""
        return _end(self._desk.read())

    @property
    def experiment(self) -> Manifest:
        """The Experiment as it is now, as plain data."""
        return self._desk.read()

    @property
    def table(self) -> TrialTable:
        """All trials as columns: what plots and analysis are made of."""
        # NumPy is loaded by those who look at results.
        from katib.client.trial_table import TrialTable

        return TrialTable.of(self._desk.read(), self._desk.list_trials())

    @property
    def trials(self) -> list[StudyTrial]:
        """All trials, the oldest first."""
        table = self.table
        return [self._row(table, row) for row in range(len(table))]

    @property
    def best(self) -> StudyTrial | None:
        """The best trial so far; ``None`` before one has a value."""
        table = self.table
        return None if table.best_row is None else self._row(table, table.best_row)

    def close(self) -> None:
        """Let go of the engine. Trials that are outstanding stay so."""
        self._backend.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Study({self.name!r}, namespace={self.namespace!r})"

    def _claim(self, count: int) -> Sequence[int]:
        """Numbers of trials: first those that were asked for before and not given."""
        with self._lock:
            kept, self._claimed = self._claimed[:count], self._claimed[count:]
        if len(kept) == count:
            return kept
        return [*kept, *self._desk.claim(partial(_within_budget, count - len(kept)))]

    def _wait_for(self, number: int, timeout: float | None) -> AskedTrial | None:
        """The trial of that number; ``None`` when there will be none."""
        until = None if timeout is None else time.monotonic() + timeout
        suggestion = None
        for pause in pauses():
            name = name_of_trial(self._experiment, suggestion, number)
            trial = self._desk.find_trial(name)
            if trial is not None:
                return None if end_of(trial) else self._asked(name, trial)
            if pause >= _WONDER_FROM:
                suggestion = self._desk.find_suggestion()
                if _is_none_left(self._desk.read(), suggestion, number):
                    return None
            if until is not None and time.monotonic() >= until:
                assert timeout is not None
                raise AskTimeoutError(self.name, timeout, self._tell_wait(suggestion))
            time.sleep(pause)
        return None

    def _tell_wait(self, suggestion: Manifest | None) -> str:
        experiment = self._desk.read()
        status, spec = experiment.get("status") or {}, experiment["spec"]
        active = int(status.get("trialsPending") or 0) + int(status.get("trialsRunning") or 0)
        if active >= int(spec.get("parallelTrialCount") or 0):
            return f"{active} trials are outstanding, as many as spec.parallelTrialCount allows"
        for resource in (suggestion or {}, experiment):
            found = (resource.get("status") or {}).get("conditions") or ()
            for one in found:
                if one.get("type") == names.PROGRESSING:
                    return str(one.get("message"))
        return "its engine has not said why"

    def _asked(self, name: str, trial: Manifest) -> AskedTrial:
        given = {"spec": {}} if not trial else trial
        metric = self._experiment["spec"]["objective"]["objectiveMetricName"]
        parameters = read_parameters(self._experiment, given, self._choices)
        return AskedTrial(self._desk, name, parameters, metric, _now)

    def _row(self, table: TrialTable, row: int) -> StudyTrial:
        parameters: dict[str, Value] = {}
        for name, column in table.parameters.items():
            text, value = column.texts[row], column.values[row]
            if text is not None:
                parameters[name] = self._choices.get(name, {}).get(text, value)
        metrics = {name: float(one.values[row]) for name, one in table.metrics.items()}
        observed = {name: value for name, value in metrics.items() if value == value}
        value = observed.get(table.objective.objective_metric_name)
        return StudyTrial(table.names[row], table.statuses[row], parameters, value, observed)


def _now() -> datetime:
    return datetime.now(UTC)


def _within_budget(wanted: int, experiment: Manifest, asked: int) -> int:
    """How many more trials may be asked for, of those that are wanted."""
    budget = experiment["spec"].get("maxTrialCount")
    if _end(experiment):
        return 0
    if budget is None:
        return wanted
    annotations = experiment["metadata"].get("annotations") or {}
    imported = int(annotations.get(names.LABEL_IMPORTED, 0))
    return max(0, min(wanted, int(budget) - imported - asked))


def _end(experiment: Manifest) -> str:
    """Why an experiment is over; empty while it is not."""
    found = (experiment.get("status") or {}).get("conditions") or ()
    ends = (one for one in found if one.get("type") in (names.SUCCEEDED, names.FAILED))
    return next((str(one.get("reason")) for one in ends if one.get("status") == "True"), "")


def _is_none_left(experiment: Manifest, suggestion: Manifest | None, number: int) -> bool:
    """Whether there will never be a trial with that number."""
    if _end(experiment):
        return True
    status = (suggestion or {}).get("status") or {}
    found = status.get("conditions") or ()
    is_exhausted = any(
        one.get("type") == names.EXHAUSTED and one.get("status") == "True" for one in found
    )
    return is_exhausted and number >= int(status.get("suggestionCount") or 0)
