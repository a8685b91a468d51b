"""Search spaces: found from what trials were given, and asked whether they have a value. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from katib.api import names
from katib.api.numbers import parse_number
from katib.api.values import Manifest


def infer_parameter(name: str, texts: Sequence[str]) -> Manifest:
    """The parameter that has been searched, as a document has it.

    Whole numbers are an ``int`` and other numbers a ``double``, each from the smallest to the
    largest; anything else is one of a list. A number that never changed is one of a list, too.

    Args:
        name: of the parameter.
        texts: its values.
    """
    numbers = [parse_number(text) for text in texts]
    found = [one for one in numbers if one is not None and math.isfinite(one)]
    if len(found) < len(texts) or len(set(found)) < 2:
        listed = list(dict.fromkeys(texts))
        return _parameter(name, names.CATEGORICAL, {"list": listed})
    low, high = min(found), max(found)
    if all(_is_whole(text) for text in texts):
        return _parameter(name, names.INT, {"min": str(int(low)), "max": str(int(high))})
    return _parameter(name, names.DOUBLE, {"min": repr(low), "max": repr(high)})


def normal_text(parameter: Manifest, text: str) -> str:
    """The text of a value as algorithms write it: ``4`` for the ``int`` 4.0."""
    number = parse_number(text)
    type = parameter["parameterType"]
    if number is None or not math.isfinite(number):
        return text
    if type == names.INT and number == int(number):
        return str(int(number))
    if type == names.DOUBLE:
        return repr(number)
    listed: Sequence[str] = parameter["feasibleSpace"].get("list") or ()
    if type == names.DISCRETE and text not in listed:
        return next((one for one in listed if parse_number(one) == number), text)
    return text


def find_misfit(parameter: Manifest, text: str) -> str:
    """Why a search space does not have a value; empty when it does."""
    type, space = parameter["parameterType"], parameter["feasibleSpace"]
    if type not in (names.DOUBLE, names.INT):
        listed: Sequence[str] = space.get("list") or ()
        return "" if text in listed else f"found {text!r}; one of {', '.join(listed)} is expected"
    number = parse_number(text)
    if number is None or not math.isfinite(number):
        return f"found {text!r}; a number is expected"
    if type == names.INT and not _is_whole(text):
        return f"found {text!r}; a whole number is expected"
    low, high = float(space["min"]), float(space["max"])
    if not low <= number <= high:
        return f"found {text!r}; a number from {space['min']} to {space['max']} is expected"
    return ""


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _parameter(name: str, type: str, space: Manifest) -> Manifest:
    return {"name": name, "parameterType": type, "feasibleSpace": space}


def tell_parameter(parameter: Manifest) -> str:
    """A parameter in a line, as ``x: double, 0.5 to 2``."""
    space = parameter["feasibleSpace"]
    listed: Sequence[str] = space.get("list") or ()
    told = f"{space.get('min')} to {space.get('max')}" if not listed else ", ".join(listed)
    more = [f"{key} {space[key]}" for key in ("step", "distribution") if space.get(key)]
    return ", ".join([f"{parameter['name']}: {parameter['parameterType']}", told, *more])
