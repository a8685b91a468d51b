"""The rules of the search space."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

from katib.admission.problems import Problems, invalid, required
from katib.api import names
from katib.api.experiment import ExperimentSpec, FeasibleSpace, ParameterSpec

_RANGES = (names.INT, names.DOUBLE)
_LISTS = (names.CATEGORICAL, names.DISCRETE)
_LOGARITHMIC = ("logUniform", "logNormal")
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def check_search_space(spec: ExperimentSpec) -> Problems:
    """Either parameters or a neural architecture; then every parameter by itself."""
    if not spec.parameters and spec.nas_config is None:
        yield required("spec", "spec.parameters or spec.nasConfig must be specified")
    if spec.parameters and spec.nas_config is not None:
        yield invalid(
            "spec", None, "only one of spec.parameters and spec.nasConfig can be specified"
        )
    yield from _check_parameters("spec.parameters", spec.parameters)
    for index, operation in enumerate(spec.nas_config.operations if spec.nas_config else ()):
        path = f"spec.nasConfig.operations[{index}].parameters"
        yield from _check_parameters(path, operation.parameters)


def _check_parameters(path: str, parameters: Sequence[ParameterSpec]) -> Problems:
    seen: dict[str, int] = {}
    for index, parameter in enumerate(parameters):
        place, name = f"{path}[{index}]", parameter.name
        if not name:
            yield required(f"{place}.name")
        elif name in seen:
            yield invalid(
                f"{place}.name", name, f"{path}[{seen[name]}] has the same name; names are unique"
            )
        seen.setdefault(name, index)
        yield from _check_parameter(place, parameter)


def _check_parameter(path: str, parameter: ParameterSpec) -> Problems:
    kind, space = parameter.parameter_type, parameter.feasible_space
    if kind not in names.PARAMETER_TYPES:
        yield invalid(
            f"{path}.parameterType",
            kind,
            f"parameterType: {kind} is not supported, use double, int, discrete or categorical",
        )
    path = f"{path}.feasibleSpace"
    if space.distribution and space.distribution not in names.DISTRIBUTIONS:
        yield invalid(
            f"{path}.distribution",
            space.distribution,
            f"distribution: {space.distribution} is not supported, use uniform, logUniform, normal "
            "or logNormal",
        )
    # A distribution alone says nothing, and defaulting sets it everywhere.
    if not (space.max or space.min or space.step or space.list):
        yield required(path, f"feasibleSpace must be specified{_wanted(kind)}")
    elif kind in _RANGES:
        yield from _check_range(path, kind, space)
    elif kind in _LISTS:
        yield from _check_list(path, kind, space)


def _wanted(kind: str) -> str:
    if kind in _RANGES:
        return f": give min and max for parameterType: {kind}"
    return f": give a list for parameterType: {kind}" if kind in _LISTS else ""


def _check_list(path: str, kind: str, space: FeasibleSpace) -> Problems:
    if space.max or space.min or space.step:
        yield invalid(
            path,
            None,
            "feasibleSpace .max, .min and .step is not supported for parameterType: "
            f"{kind}, give a list",
        )
    elif not space.list:
        yield required(f"{path}.list", f"must be specified for parameterType: {kind}")
    if kind == names.DISCRETE:
        for index, item in enumerate(space.list):
            if not (_NUMBER.fullmatch(item) and isfinite(float(item))):
                yield invalid(
                    f"{path}.list[{index}]",
                    item,
                    "must be a number for parameterType: discrete, or make it categorical",
                )


def _check_range(path: str, kind: str, space: FeasibleSpace) -> Problems:
    if space.list:
        yield invalid(
            f"{path}.list",
            list(space.list),
            f"feasibleSpace.list is not supported for parameterType: {kind}",
        )
    if not space.max or not space.min:
        yield required(
            f"{path}.max",
            "feasibleSpace.max or feasibleSpace.min must be specified for parameterType: "
            f"{kind}; both are needed",
        )
    yield from _check_bounds(path, kind, space)


def _check_bounds(path: str, kind: str, space: FeasibleSpace) -> Problems:
    numbers: dict[str, Decimal] = {}
    pattern, wanted = (
        (_INTEGER, "an integer") if kind == names.INT else (_NUMBER, "a finite number")
    )
    for name, text in (("max", space.max), ("min", space.min), ("step", space.step)):
        if pattern.fullmatch(text) and isfinite(float(text)):
            numbers[name] = Decimal(text)
        elif text:
            yield invalid(f"{path}.{name}", text, f"must be {wanted} for parameterType: {kind}")
    low, high, step = numbers.get("min"), numbers.get("max"), numbers.get("step")
    if low is not None and high is not None and low > high:
        yield invalid(
            f"{path}.min", space.min, f"must not be greater than feasibleSpace.max, {space.max}"
        )
    if step is not None and step <= 0:
        yield invalid(f"{path}.step", space.step, "must be greater than 0")
    if low is not None and low <= 0 and space.distribution in _LOGARITHMIC:
        yield invalid(
            f"{path}.min",
            space.min,
            f"must be greater than 0 for distribution: {space.distribution}",
        )
