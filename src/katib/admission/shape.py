"""The structural check: does a manifest have the types of an Experiment, field by field?

The types are read from the models themselves, so there is no second description to keep. Unlike a
decoder, which stops at the first misfit, the walk collects them all, and gives back the manifest
with misfits put right where it is plain what was meant and without the others, so that the rules
can still look at the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec import inspect

from katib.admission.problems import invalid, required
from katib.api.codec import format_time, parse_time, to_raw
from katib.api.experiment import Experiment
from katib.api.values import Manifest
from katib.errors import FieldError, printed, suggest

_MISFIT = object()
_LARGEST = 2**31 - 1


@dataclass(slots=True)
class Fitting:
    """What the check found.

    Attributes:
        manifest: what fits or was put right; without nulls, which mean the same as absence, without
            unknown fields, and without the status, which is not the user's to write.
        errors: one for every misfit, in the order of the document's model.
        unknown: a sentence for every field that the models do not have.
    """

    manifest: Manifest = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def fit(manifest: Manifest) -> Fitting:
    """Check a manifest against the Experiment's models."""
    fitting = Fitting()
    walk = _Walk(fitting)
    stated = {key: value for key, value in manifest.items() if key != "status"}
    fitting.manifest = walk.struct(_model(), stated, "")
    return fitting


@cache
def _model() -> inspect.StructType:
    model = inspect.type_info(Experiment)
    if not isinstance(model, inspect.StructType):
        raise TypeError(f"{Experiment} is no struct")
    return model


class _Walk:
    """One walk through a manifest; what it finds goes into the fitting."""

    def __init__(self, fitting: Fitting) -> None:
        self._errors, self._unknown = fitting.errors, fitting.unknown
        self._checks: dict[type[inspect.Type], Callable[[Any, Any, str], Any]] = {
            inspect.StructType: self.struct,
            inspect.VarTupleType: self._list,
            inspect.UnionType: self._union,
            inspect.CustomType: self._strings,
            inspect.RawType: self._map,
            inspect.StrType: self._text,
            inspect.IntType: self._integer,
            inspect.FloatType: self._number,
            inspect.BoolType: self._bool,
            inspect.DateTimeType: self._time,
            inspect.AnyType: lambda _type, value, _path: value,
        }

    def struct(self, model: inspect.StructType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._misfit(path, value, "must be a map")
        fields = {known.encode_name: known for known in model.fields}
        for name in value:
            if name not in fields:
                self._unknown.append(
                    f"{_below(path, name)} is not a field of an Experiment and is ignored"
                    f"{suggest(name, fields)}"
                )
        fitted: Manifest = {}
        for name, known in fields.items():
            place = _below(path, name)
            found = value.get(name)
            if found is not None:
                fits = self._check(known.type, found, place)
                if fits is not _MISFIT:
                    fitted[name] = fits
            elif known.required:
                self._errors.append(required(place))
                return _MISFIT
        return fitted

    def _check(self, type: inspect.Type, value: Any, path: str) -> Any:
        return self._checks[type.__class__](type, value, path)

    def _misfit(self, path: str, value: Any, detail: str, meant: Any = _MISFIT) -> Any:
        self._errors.append(invalid(path, value, detail))
        return meant

    def _list(self, model: inspect.VarTupleType, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._misfit(path, value, "must be a list")
        empty = _empty(model.item_type)
        fitted = []
        for index, item in enumerate(value):
            fits = self._check(model.item_type, item, f"{path}[{index}]")
            # An empty item takes a misfit's place, so that those behind it keep their numbers.
            fitted.append(empty if fits is _MISFIT else fits)
        return [item for item in fitted if item is not _MISFIT]

    def _union(self, model: inspect.UnionType, value: Any, path: str) -> Any:
        # All our unions are "this or nothing" but one: a number that may be written as integer.
        types = [member for member in model.types if not isinstance(member, inspect.NoneType)]
        floats = [member for member in types if isinstance(member, inspect.FloatType)]
        return self._check((floats or types)[0], value, path)

    def _strings(self, _: inspect.CustomType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._misfit(path, value, "must be a map of strings to strings")
        texts = {
            key: self._text(None, item, f"{path}[{key}]")
            for key, item in value.items()
            if item is not None
        }
        return {key: text for key, text in texts.items() if text is not _MISFIT}

    def _map(self, _: inspect.RawType, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._misfit(path, value, "must be a map")
        try:
            to_raw(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return self._misfit(path, None, f"must be JSON: {error}")
        return value

    def _text(self, _: object, value: Any, path: str) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, int, float)):
            text = printed(value)
            return self._misfit(path, value, f'must be a string, write "{text}"', text)
        return self._misfit(path, value, "must be a string")

    def _integer(self, _: inspect.IntType, value: Any, path: str) -> Any:
        number = _whole(value)
        if number is None:
            return self._misfit(path, value, "must be an integer")
        if abs(number) > _LARGEST:
            return self._misfit(path, value, f"must not be greater than {_LARGEST}")
        if isinstance(value, str):
            return self._misfit(path, value, f"must be an integer, write {number}", number)
        return number

    def _number(self, _: inspect.FloatType, value: Any, path: str) -> Any:
        number = None if isinstance(value, bool) else _float(value)
        if number is None:
            return self._misfit(path, value, "must be a finite number")
        if isinstance(value, str):
            return self._misfit(path, value, f"must be a number, write {printed(number)}", number)
        return value

    def _bool(self, _: inspect.BoolType, value: Any, path: str) -> Any:
        if isinstance(value, bool):
            return value
        text = str(value).lower()
        if text in ("true", "false"):
            return self._misfit(path, value, f"must be true or false, write {text}", text == "true")
        return self._misfit(path, value, "must be true or false")

    def _time(self, _: inspect.DateTimeType, value: Any, path: str) -> Any:
        try:
            return format_time(parse_time(value))
        except (TypeError, ValueError):
            return self._misfit(path, value, "must be a time as 2024-01-31T12:00:00Z")


def _empty(model: inspect.Type) -> Any:
    """A value of the type that says nothing, if there is one."""
    if isinstance(model, inspect.StructType):
        return _MISFIT if any(known.required for known in model.fields) else {}
    if isinstance(model, inspect.StrType):
        return ""
    return 0 if isinstance(model, inspect.IntType) else _MISFIT


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _whole(value: Any) -> int | None:
    """The integer that a value is or spells, as JSON readers see it: 3.0 is 3."""
    number = _float(value)
    if isinstance(value, bool) or number is None or not number.is_integer():
        return None
    return int(value) if isinstance(value, int) else int(number)


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
