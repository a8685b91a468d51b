"""Reads what a user wants to be searched, and what every trial is to be given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from katib.api import names
from katib.api.values import Manifest
from katib.client.tuning.called import Choice, Number, Reader
from katib.errors import KatibError
from katib.models.documents import to_json

_EXAMPLE = 'katib.tune(objective, {"x": katib.search.double(min=-5, max=5)})'

#: How long the text of a choice may be before it is called by its type.
_LONGEST_TEXT = 60


class SearchSpaceError(KatibError, ValueError):
    """There is nothing to search in the parameters that were given; the text shows how it is."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What is searched, and what is not.

    Attributes:
        parameters: as an Experiment's ``spec.parameters``.
        readers: how the values of each are read.
        constants: what every trial is given as it is.
    """

    parameters: tuple[Manifest, ...]
    readers: Mapping[str, Reader]
    constants: Mapping[str, object]

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is searched, in the user's order."""
        return tuple(self.readers)


def read_parameters(parameters: object) -> SearchSpace:
    """The search space of a user's dictionary, which is left as it is.

    Args:
        parameters: name → what ``katib.search`` makes, or a constant.

    Raises:
        SearchSpaceError: it is no dictionary of names, or nothing in it is searched.
    """
    if not isinstance(parameters, Mapping) or not all(isinstance(one, str) for one in parameters):
        raise SearchSpaceError(
            f"parameters is {parameters!r}; a dictionary of names is expected, as {_EXAMPLE}"
        )
    constants = {name: one for name, one in parameters.items() if not _is_searched(one)}
    found = {name: _read(name, parameters[name]) for name in parameters if name not in constants}
    if not found:
        given = ", ".join(f"{name}={value!r}" for name, value in constants.items())
        what = f"only constants ({given})" if constants else "empty"
        raise SearchSpaceError(f"parameters are {what}, so there is nothing to search: {_EXAMPLE}")
    readers = {name: reader for name, (_, reader) in found.items()}
    return SearchSpace(tuple(manifest for manifest, _ in found.values()), readers, constants)


def _is_searched(value: object) -> bool:
    """Whether it says what is searched: a model of ours or of Katib's SDK, or a manifest."""
    if isinstance(value, Mapping):
        return {"parameterType", "feasibleSpace"} <= set(value)
    return hasattr(value, "parameter_type") and hasattr(value, "feasible_space")


def _read(name: str, specification: object) -> tuple[Manifest, Reader]:
    manifest: Manifest = {**to_json(specification), "name": name}
    kind = manifest.get("parameterType")
    if kind in (names.DOUBLE, names.INT):
        return manifest, Number(is_whole=kind == names.INT)
    choices = getattr(specification, "choices", None) or manifest["feasibleSpace"].get("list") or ()
    if kind == names.DISCRETE:
        choices = [_number_of(one) for one in choices]
    by_text = dict(_texts(choices))
    manifest["feasibleSpace"] = {**manifest["feasibleSpace"], "list": list(by_text)}
    return manifest, Choice(by_text)


def _texts(choices: Iterable[object]) -> Iterable[tuple[str, object]]:
    """A text for each choice, no two the same."""
    taken: set[str] = set()
    for choice in choices:
        text = unique = _text(choice)
        number = 1
        while unique in taken:
            number += 1
            unique = f"{text}-{number}"
        taken.add(unique)
        yield unique, choice


def _text(choice: object) -> str:
    if choice is None or isinstance(choice, str | int | float):
        return str(choice)
    named = getattr(choice, "__name__", None)
    if isinstance(named, str):
        return named
    text = str(choice)
    # Where something is in memory says nothing, and is another place each time.
    is_telling = len(text) <= _LONGEST_TEXT and " at 0x" not in text and "\n" not in text
    return text if is_telling else type(choice).__name__


def _number_of(value: object) -> object:
    """A number as it was given, or that a text is."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
