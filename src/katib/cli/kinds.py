"""Names of kinds on the command line: ``experiment``, ``experiments``, ``exp``."""

from __future__ import annotations

from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import FUNCTION_CALLS, JOBS, PODS, TRAIN_JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind
from katib.errors import UnknownNameError

_KINDS: tuple[Kind[Any], ...] = (
    EXPERIMENTS,
    SUGGESTIONS,
    TRIALS,
    JOBS,
    PODS,
    TRAIN_JOBS,
    FUNCTION_CALLS,
)
_SHORT: dict[str, Kind[Any]] = {"exp": EXPERIMENTS, "sug": SUGGESTIONS, "po": PODS}


def find_kind(text: str) -> Kind[Any]:
    """The kind that a word names.

    Raises:
        UnknownNameError: none; the message lists the kinds.
    """
    word = text.lower().removesuffix(".kubeflow.org")
    for kind in _KINDS:
        if word in (kind.plural, kind.name.lower()):
            return kind
    if word in _SHORT:
        return _SHORT[word]
    raise UnknownNameError("kind", text, [kind.plural for kind in _KINDS])


def split_name(words: list[str]) -> tuple[str, str | None]:
    """Kind and name of ``experiment random`` or ``experiment/random``."""
    kind, slash, name = words[0].partition("/")
    if slash:
        return kind, name
    return kind, words[1] if len(words) > 1 else None
