"""Early stopping rules for trials that run, asked for again and again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.api.values import Key
from katib.errors import SettingsError
from katib.ports.clock import Clock
from katib.ports.early_stopper import EarlyStopper, RulesNow
from katib.ports.suggester import SuggestionRequest, TrialHistory

#: After the rules took a while to compute, they hold for so many times that while: whoever asks
#: at every report spends a twentieth of its time on them at most.
HOLD = 20

_LOG = logging.getLogger(__name__)


class RunningRules:
    """Gives the trials of one experiment the rules that hold now; they share them.

    Args:
        stopper: computes them.
        history: an experiment's trials.
        clock: for how long that takes.
    """

    def __init__(
        self, stopper: EarlyStopper, history: Callable[[Key], TrialHistory], clock: Clock
    ) -> None:
        self._stopper, self._history, self._clock = stopper, history, clock
        # By uid of the experiment, as long as one of its trials runs.
        self._held: WeakValueDictionary[str, _Held] = WeakValueDictionary()

    def find(self, trial: Trial, experiment: Experiment) -> RulesNow | None:
        """What gives the rules of a trial that is about to run; ``None`` when it keeps its own."""
        try:
            is_live = self._stopper.is_live(experiment)
        except SettingsError as error:
            _LOG.warning("%s: trials keep their early stopping rules: %s", experiment.key, error)
            return None
        if not is_live:
            return None
        uid = experiment.metadata.uid
        held = self._held.get(uid) or _Held(trial.spec.early_stopping_rules)
        self._held[uid] = held
        request = SuggestionRequest(experiment, 1, 1, self._history(experiment.key))
        return partial(self._now, held, request)

    def _now(self, held: _Held, request: SuggestionRequest) -> Sequence[EarlyStoppingRule]:
        asked = self._clock.monotonic()
        if asked < held.until_seconds:
            return held.rules
        try:
            held.rules = self._stopper.rules(request)
        except Exception as error:
            # The trial goes on; what it reports next is judged by what was known last.
            _LOG.warning("%s: no new rules: %s", request.experiment.key, error, exc_info=error)
        answered = self._clock.monotonic()
        held.until_seconds = answered + HOLD * (answered - asked)
        return held.rules


@dataclass(slots=True, weakref_slot=True)
class _Held:
    """The rules that were computed last, and until when on the monotonic clock they hold."""

    rules: Sequence[EarlyStoppingRule]
    until_seconds: float = 0.0
