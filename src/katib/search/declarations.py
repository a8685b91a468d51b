"""What a program says of one parameter: ``katib.search.double(min=0.01, max=0.1)`` and its like.

Where a function for a search space is asked for, its name comes from where it stands there.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from katib.api import names
from katib.models import V1beta1FeasibleSpace, V1beta1ParameterSpec


def double(
    min: float, max: float, step: float | None = None, distribution: str | None = None
) -> V1beta1ParameterSpec:
    """A parameter of real numbers.

    Args:
        min: the smallest value.
        max: the largest.
        step: the distance between two neighbouring values, if not all between are allowed.
        distribution: ``uniform``, ``logUniform``, ``normal`` or ``logNormal``; uniform if not
            given.
    """
    return _between(names.DOUBLE, min, max, step, distribution)


def int(
    min: builtins.int,
    max: builtins.int,
    step: builtins.int | None = None,
    distribution: str | None = None,
) -> V1beta1ParameterSpec:
    """A parameter of whole numbers; its arguments are those of :func:`double`."""
    return _between(names.INT, min, max, step, distribution)


def categorical(list: Sequence[object]) -> V1beta1ParameterSpec:
    """A parameter that is one of some choices, in no order."""
    return _among(names.CATEGORICAL, list)


def discrete(list: Sequence[float]) -> V1beta1ParameterSpec:
    """A parameter that is one of some numbers, which are near each other or far."""
    return _among(names.DISCRETE, list)


def _between(
    kind: str, min: float, max: float, step: float | None, distribution: str | None
) -> V1beta1ParameterSpec:
    space = V1beta1FeasibleSpace(
        min=str(min),
        max=str(max),
        step=None if step is None else str(step),
        distribution=distribution,
    )
    return V1beta1ParameterSpec(parameter_type=kind, feasible_space=space)


def _among(kind: str, choices: Sequence[object]) -> V1beta1ParameterSpec:
    if isinstance(choices, str):
        raise TypeError(f"a list of choices is needed, not the text {choices!r}")
    space = V1beta1FeasibleSpace(list=[str(choice) for choice in choices])
    found = V1beta1ParameterSpec(parameter_type=kind, feasible_space=space)
    # For those who can hand over the very objects: ``katib.tune``.
    vars(found)["choices"] = tuple(choices)
    return found
