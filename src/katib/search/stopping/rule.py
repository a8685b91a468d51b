"""What every early stopping algorithm promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.ports.observation_log import MetricEntry
from katib.search.settings import SettingsReader
from katib.search.span import at_least

#: Reads a trial's reports of its objective metric, by time, then by arrival. May be slow.
ReadReports = Callable[[], Sequence[MetricEntry]]


class StoppingAlgorithm(Protocol):
    """Says by which rules the next trials of one experiment are stopped early.

    Args:
        experiment: whose trials, with early stopping settings that :meth:`validate` has accepted.

    Attributes:
        is_live: whether a trial that runs is judged by what others have reported by then, and not
            by what they had when it was made.
    """

    is_live: ClassVar[bool]

    def __init__(self, experiment: Experiment) -> None: ...

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Return if the algorithm can work with its settings.

        Raises:
            SettingsError: it cannot; the message names everything that is wrong.
        """
        ...

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Take in a trial that is new or has changed. Telling it again changes nothing.

        Args:
            trial: whatever its state.
            read: to be called only when the trial's reports are wanted; what it raises passes
                through, and the trial is told again. Of a trial that still runs it may be kept, and
                gives more later.
        """
        ...

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """The rules for a trial that starts now, all of which it must meet to be stopped.

        Also those for the next reports of one that runs, if ``is_live``.

        None while too little was told. Asking changes nothing. What a kept ``read`` raises passes
        through.
        """
        ...


def settings_of(experiment: Experiment) -> SettingsReader:
    """Reads the settings of an experiment's early stopping."""
    return SettingsReader(experiment, "earlyStopping")


def read_start_step(reader: SettingsReader, default: int) -> int:
    """The setting ``start_step``: before so many reports a trial is not judged."""
    return reader.integer(
        "start_step",
        default,
        at_least(1),
        "start_step must be greater or equal than one (>=1)",
    )
