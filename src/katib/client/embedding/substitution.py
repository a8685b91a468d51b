"""What is searched, and the placeholders that stand where its values go."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from katib.api.values import Manifest
from katib.client.embedding.script import EXPANDED
from katib.models.documents import to_json

#: How a text may be written in Python, in this order.
_QUOTES = (("'", "'"), ("r'", "'"), ('r"', '"'), ("r'''", "'''"), ('r"""', '"""'))


@dataclass(slots=True)
class Searched:
    """What was found to be searched, in its order.

    Attributes:
        parameters: ``spec.parameters`` of the experiment.
    """

    parameters: list[Manifest] = field(default_factory=list)

    @property
    def trial_parameters(self) -> list[Manifest]:
        """``spec.trialTemplate.trialParameters``, one for each parameter, of its name."""
        names = [parameter["name"] for parameter in self.parameters]
        return [{"name": name, "reference": name} for name in names]

    def add(self, name: str, specification: object) -> Manifest:
        """Note that a parameter is searched; what is noted is a copy."""
        parameter: Manifest = {**to_json(specification), "name": name}
        self.parameters.append(parameter)
        return parameter


def is_searched(value: object) -> bool:
    """Whether a value says what is searched, as what ``katib.search`` makes does."""
    return hasattr(value, "parameter_type") and hasattr(value, "feasible_space")


def placeholder_of(name: str) -> str:
    """The text in the place of which a trial has the parameter's value."""
    return f"${{trialParameters.{name}}}"


def argument_of(parameters: Mapping[str, object], searched: Searched) -> str:
    """The expression of Python that is a function's argument: a dict.

    Values that are searched become texts, as in Katib.

    Args:
        parameters: of the function; name → what is searched, or a constant. It is not changed.
        searched: takes what is found.

    Raises:
        ValueError: a constant or a choice cannot be written down.
    """
    texts = [
        _quoted(searched.add(name, value))
        if is_searched(value)
        else _constant(value, f"parameters[{name!r}]")
        for name, value in parameters.items()
    ]
    pairs = zip(parameters, texts, strict=True)
    return f"{{{', '.join(f'{name!r}: {text}' for name, text in pairs)}}}"


def options_of(options: object, searched: Searched) -> str:
    """Options of a library, such as ``transformers.TrainingArguments``, as JSON with placeholders.

    Args:
        options: an object with ``to_dict()`` or with attributes, or a dict. It is not changed.
        searched: takes what is found.

    Raises:
        ValueError: an option cannot be written as JSON.
    """
    if isinstance(options, Mapping):
        fields = dict(options)
    else:
        fields = options.to_dict() if hasattr(options, "to_dict") else vars(options)
    values = {
        name: placeholder_of(searched.add(name, value)["name"]) if is_searched(value) else value
        for name, value in fields.items()
    }
    try:
        return json.dumps(values, default=_listed)
    except TypeError as error:
        raise ValueError(f"{type(options).__name__} cannot be sent to trials: {error}") from error


def _quoted(parameter: Manifest) -> str:
    """The text literal in which any value of a parameter may stand.

    Raises:
        ValueError: there is none.
    """
    name = parameter["name"]
    placeholder = placeholder_of(name)
    choices = [str(one) for one in parameter["feasibleSpace"].get("list") or ()]
    for choice in choices:
        if EXPANDED.search(choice):
            raise ValueError(
                f"parameters[{name!r}]: found the choice {choice!r}, of which Kubernetes would "
                "make another text, as it takes $$ for a dollar and $( for a variable; choose "
                "another text, and look up in the function what it stands for"
            )
    for begin, end in _QUOTES:
        if all(_evaluated(f"{begin}{choice}{end}") == choice for choice in choices):
            return f"{begin}{placeholder}{end}"
    raise ValueError(
        f"parameters[{name!r}]: its choices {choices} have so many quotes and backslashes that no "
        "text of Python can hold each; choose other texts, and look up in the function what they "
        "stand for"
    )


def _constant(value: object, path: str) -> str:
    """The expression of Python for a value.

    Raises:
        ValueError: there is none.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        # A number of NumPy or of a library like it.
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"{path}: found {type(value).__name__}, which cannot be written into the text that is "
            "sent to trials; what katib.search makes is expected, or a constant of numbers, texts, "
            "lists and dicts"
        ) from error
    return text


def _evaluated(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None


def _listed(value: object) -> object:
    """What JSON has for what it does not know: sets are lists, classes their names."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, type):
        return value.__name__
    raise TypeError(f"{type(value).__name__} is no part of JSON")
