"""Rules that are known beforehand: the same for every trial, whatever the others did."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.search.stopping.rule import ReadReports


class FixedRule:
    """Gives one rule, about the objective metric, from the first trial on.

    Args:
        experiment: whose settings say which.
    """

    is_live: ClassVar[bool] = False

    def __init__(self, experiment: Experiment) -> None:
        self._rule = self.read(experiment)

    @classmethod
    def validate(cls, experiment: Experiment) -> None:
        """As :meth:`read`."""
        cls.read(experiment)

    def tell(self, trial: Trial, read: ReadReports) -> None:
        """Other trials mean nothing here."""

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        """The one that there is."""
        return (self._rule,)

    @staticmethod
    @abstractmethod
    def read(experiment: Experiment) -> EarlyStoppingRule:
        """The rule that the settings make.

        Raises:
            SettingsError: they are wrong; the message names everything that is.
        """
        ...
