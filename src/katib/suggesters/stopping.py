"""Algorithms asked together with the rules by which their trials are stopped early."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from msgspec.structs import replace as with_fields

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.errors import FieldError, KatibError, SettingsError
from katib.ports.early_stopper import EarlyStopper
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest, Trouble

_LOG = logging.getLogger(__name__)

#: The reason of the condition.
FAILED = "EarlyStoppingFailed"


class StoppingSuggester:
    """Gives every assignment the early stopping rules of the moment.

    When there is trouble with the rules, the assignments are given without, and that is told. As
    both are asked in one question, whoever asks it in the background waits for neither.

    Args:
        suggester: asks the algorithms.
        stopper: gives the rules.
    """

    def __init__(self, suggester: Suggester, stopper: EarlyStopper) -> None:
        self._suggester, self._stopper = suggester, stopper

    def validate(self, experiment: Experiment) -> None:
        problems: list[FieldError] = []
        for asked in (self._suggester, self._stopper):
            try:
                asked.validate(experiment)
            except SettingsError as error:
                problems += error.problems
        if problems:
            raise SettingsError(*problems)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        reply = self._suggester.suggest(request)
        if request.experiment.spec.early_stopping is None or not reply.assignments:
            return reply
        assignments, trouble = self._ruled(request, reply.assignments)
        return replace(reply, assignments=assignments, trouble=reply.trouble or trouble)

    def forget(self, experiment: Experiment) -> None:
        self._suggester.forget(experiment)

    def _ruled(
        self, request: SuggestionRequest, assignments: Sequence[TrialAssignment]
    ) -> tuple[Sequence[TrialAssignment], Trouble | None]:
        try:
            rules, trouble = self._stopper.rules(request), None
        except Exception as error:
            # What the algorithm gave would be lost, and it may not give it again.
            words = (
                str(error) if isinstance(error, KatibError) else f"{type(error).__name__}: {error}"
            )
            why = f"{len(assignments)} assignments have no early stopping rules: {words}"
            _LOG.warning("%s: %s", request.experiment.key, why, exc_info=error)
            rules, trouble = (), Trouble(FAILED, why)
        return [with_fields(one, early_stopping_rules=rules) for one in assignments], trouble
