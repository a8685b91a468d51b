"""Finding and making a trial's run, and what it means when that is refused."""

from __future__ import annotations

from katib.api import conditions
from katib.api.trial import Trial
from katib.api.values import Unstructured
from katib.controllers.trial.gjson import Match
from katib.controllers.trial.runs import Runs
from katib.errors import (
    AlreadyExistsError,
    ConfigurationError,
    KatibError,
    KindNotServedError,
    RenderError,
    RequestRefusedError,
)

#: How often a run is tried again: of a kind that may be installed any moment, one that is refused
#: for want of room, rights or a name, and one whose pods wait for the configuration; in seconds.
KIND_AGAIN, ROOM_AGAIN, CONFIGURED_AGAIN = 3.0, 10.0, 30.0

#: HTTP's codes for what is wrong with the run itself.
_ILLEGAL = frozenset({400, 422})


class NotYetError(KatibError):
    """A run cannot be made now.

    Attributes:
        condition: says what is waited for.
        again_seconds: when to try again.
    """

    def __init__(self, reason: str, cause: KatibError, again_seconds: float) -> None:
        super().__init__(str(cause))
        self.condition = conditions.progress("False", reason, str(cause))
        self.again_seconds = again_seconds


class NeverError(KatibError):
    """A run can never be made; ``match`` says why, as a failed run's condition would."""

    def __init__(self, reason: str, cause: KatibError) -> None:
        super().__init__(str(cause))
        self.match = Match(reason, str(cause))


def find_run(runs: Runs, trial: Trial) -> Unstructured | None:
    """The trial's run, if it is there.

    Raises:
        NotYetError: nobody can see whether it is.
    """
    try:
        return runs.find(trial)
    except RequestRefusedError as error:
        raise NotYetError("RunNotReadable", error, ROOM_AGAIN) from error


def start_run(runs: Runs, trial: Trial) -> Unstructured:
    """The trial's run, made if it is not there.

    Raises:
        NeverError: its template is such that no run can be made of it.
        NotYetError: something else is in the way.
    """
    try:
        return runs.create(trial)
    except AlreadyExistsError as error:
        raise NotYetError("RunNameTaken", error, ROOM_AGAIN) from error
    except ConfigurationError as error:
        raise NotYetError("CollectorNotConfigured", error, CONFIGURED_AGAIN) from error
    except KindNotServedError as error:
        raise NotYetError("KindNotServed", error, KIND_AGAIN) from error
    except RenderError as error:
        raise NeverError("RunNotPrepared", error) from error
    except RequestRefusedError as error:
        if error.code in _ILLEGAL:
            raise NeverError("RunRefused", error) from error
        raise NotYetError("RunRefused", error, ROOM_AGAIN) from error
