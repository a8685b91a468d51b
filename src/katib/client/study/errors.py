"""What can be wrong between a study and those who ask and tell."""

from __future__ import annotations

from katib.errors import KatibError


class StudyRefusedError(KatibError, ValueError):
    """A study cannot be opened as it is asked for; the text says what is in the way."""


class TellError(KatibError, ValueError):
    """What is told of a trial cannot be taken; the text says why."""


class AskTimeoutError(KatibError, TimeoutError):
    """No trial was there in time.

    What was asked for stays asked for: the next :meth:`~katib.client.study.Study.ask` of the same
    object gets it.
    """

    def __init__(self, experiment: str, seconds: float, waits_for: str) -> None:
        super().__init__(
            f'study "{experiment}" has given no trial within {seconds:g} s: {waits_for}. Tell of '
            "trials that are outstanding, or ask again"
        )
