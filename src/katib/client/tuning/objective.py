"""How a user's function wants to be called, found out before anything starts."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from katib.errors import KatibError

#: A function's parameter of this name is given the trial's handle.
TRIAL = "trial"

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class ObjectiveError(KatibError, TypeError):
    """A function cannot be the objective, as it is called; the text says why."""


@dataclass(frozen=True, slots=True)
class CallingWay:
    """How a function is called.

    Attributes:
        takes_dict: with one dictionary, as Katib does; else by keyword.
        takes_trial: with the handle of the trial as ``trial``.
    """

    takes_dict: bool
    takes_trial: bool

    def call(self, function: Callable[..., Any], values: dict[str, Any], trial: object) -> Any:
        """Call the function with the values of a trial's parameters."""
        more = {TRIAL: trial} if self.takes_trial else {}
        return function(values, **more) if self.takes_dict else function(**values, **more)


def find_calling_way(objective: object, names: Collection[str]) -> CallingWay:
    """How the objective is called with parameters of these names.

    Args:
        objective: what the user gave.
        names: of what is searched, and of constants.

    Raises:
        ObjectiveError: it cannot be called with them.
    """
    if not callable(objective):
        raise ObjectiveError(
            f"the objective is {objective!r}, which cannot be called; give a function, as "
            "katib.tune(train, {…})"
        )
    _refuse_unfinished(objective)
    try:
        found = inspect.signature(objective).parameters
    except (TypeError, ValueError):
        # What is written in C may not tell; it is called as it is most often meant.
        return CallingWay(takes_dict=False, takes_trial=False)
    takes_trial = TRIAL not in names and TRIAL in found and found[TRIAL].kind in _NAMED
    others = [one for one in found.values() if not (takes_trial and one.name == TRIAL)]
    if _wants_dict(others, names):
        return CallingWay(takes_dict=True, takes_trial=takes_trial)
    _check_names(objective, others, names)
    return CallingWay(takes_dict=False, takes_trial=takes_trial)


def name_of(objective: object) -> str:
    """What people call a function: its name, or that of what it is made from."""
    for step in ("func", "__wrapped__"):
        if not hasattr(objective, "__name__") and hasattr(objective, step):
            return name_of(getattr(objective, step))
    return str(getattr(objective, "__name__", type(objective).__name__))


def _refuse_unfinished(objective: Callable[..., Any]) -> None:
    """Refuse what returns before it has done anything."""
    for is_kind, what, fix in (
        (inspect.iscoroutinefunction, "async function", "call asyncio.run in a function around it"),
        (inspect.isgeneratorfunction, "generator function", "return one value, and report the rest "
         "with trial.report"),
        (inspect.isasyncgenfunction, "asynchronous generator", "return one value"),
    ):  # fmt: skip
        if is_kind(objective):
            raise ObjectiveError(f"the objective {name_of(objective)} is an {what}; {fix}")


def _wants_dict(parameters: Iterable[Parameter], names: Collection[str]) -> bool:
    """Whether there is one to be given by position, and it is none that has a value by its name."""
    required = [one for one in parameters if one.default is Parameter.empty]
    positional = [one for one in required if one.kind in _POSITIONAL]
    others = [one for one in required if one.kind is Parameter.KEYWORD_ONLY]
    return len(positional) == 1 and not others and positional[0].name not in names


def _check_names(
    objective: Callable[..., Any], parameters: Iterable[Parameter], names: Collection[str]
) -> None:
    accepted = {one.name: one for one in parameters if one.kind in _NAMED}
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
    unknown = [] if takes_any else [name for name in names if name not in accepted]
    missing = [
        one.name
        for one in parameters
        if one.kind in (*_POSITIONAL, Parameter.KEYWORD_ONLY)
        and one.default is Parameter.empty
        and (one.name not in names or one.kind is Parameter.POSITIONAL_ONLY)
    ]
    if not unknown and not missing:
        return
    problems = [_unknown(name, accepted) for name in unknown]
    problems += [f'its parameter "{name}" gets no value' for name in missing]
    shown = f"{name_of(objective)}{inspect.signature(objective)}"
    raise ObjectiveError(
        f"the objective {shown} cannot be called with {_listed(names)}: {'; '.join(problems)}. "
        "Give each of its parameters a search space or a value in `parameters`, or let it take "
        "one dictionary, as def objective(parameters): …"
    )


def _unknown(name: str, accepted: Collection[str]) -> str:
    near = difflib.get_close_matches(name, accepted, n=1)
    hint = f', did you mean "{near[0]}"?' if near else ""
    return f'it has no parameter "{name}"{hint}'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no parameters"
