"""A trial's assignments as programs may take them: variables of the environment, and a JSON text.

An addition of ours, for programs whose template passes only some parameters on, or whose author
would rather read one file than parse a command line. Pure: who starts the program writes the file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from katib.api import names
from katib.api.experiment import ParameterSpec
from katib.api.numbers import parse_number
from katib.api.values import NameValue

#: What the variables of single parameters begin with.
VARIABLE_PREFIX = "KATIB_PARAMETER_"

#: The variable that holds the path of the JSON file.
FILE_VARIABLE = "KATIB_PARAMETERS_FILE"

#: The file's name.
FILE_NAME = "parameters.json"

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


def environment(
    parameters: Sequence[ParameterSpec], assignments: Sequence[NameValue]
) -> dict[str, str]:
    """The variable of each parameter: its value as the algorithm wrote it.

    A variable is named ``KATIB_PARAMETER_`` and the parameter's name in capitals, with ``_`` for
    everything but A to Z and 0 to 9. Parameters whose variables would be named alike, as ``lr-1``
    and ``lr_1``, have none: either value would be a guess. The JSON text tells them apart.

    Args:
        parameters: of the experiment, so that all of its trials have the same variables.
        assignments: of one trial.
    """
    owners: dict[str, str] = {}
    shared: set[str] = set()
    declared = [parameter.name for parameter in parameters]
    for name in (*declared, *(assignment.name for assignment in assignments)):
        variable = _variable(name)
        if owners.setdefault(variable, name) != name:
            shared.add(variable)
    values = {_variable(assignment.name): assignment.value for assignment in assignments}
    return {variable: value for variable, value in values.items() if variable not in shared}


def typed(
    parameters: Sequence[ParameterSpec], assignments: Sequence[NameValue]
) -> dict[str, int | float | str]:
    """Each assignment's value in the type of its parameter.

    ``int`` and ``double`` are numbers, ``discrete`` is one where the text is one, and all else
    stays a text: categories, parameters that are not declared, the texts of a neural architecture
    search, and values that JSON has no number for.

    Args:
        parameters: of the experiment.
        assignments: of one trial.
    """
    types = {parameter.name: parameter.parameter_type for parameter in parameters}
    found: dict[str, int | float | str] = {}
    for assignment in assignments:
        read = _READERS.get(types.get(assignment.name, names.UNKNOWN), str)
        found[assignment.name] = read(assignment.value)
    return found


def render_json(parameters: Sequence[ParameterSpec], assignments: Sequence[NameValue]) -> bytes:
    """What :func:`typed` gives, as one line of JSON in ASCII."""
    return json.dumps(typed(parameters, assignments)).encode("ascii") + b"\n"


@lru_cache(maxsize=1024)
def _variable(name: str) -> str:
    return VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError:  # More digits than Python reads; no program would take it for a number.
            return text
    return _double(text)


def _double(text: str) -> float | str:
    number = parse_number(text)
    return text if number is None or not math.isfinite(number) else number


def _int(text: str) -> int | float | str:
    number = _number(text)
    return int(number) if isinstance(number, float) and number.is_integer() else number


_READERS: Mapping[str, Callable[[str], int | float | str]] = {
    names.INT: _int,
    names.DOUBLE: _double,
    names.DISCRETE: _number,
}
