"""The search space: the parameters of an experiment, ready to be drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext

from katib.api import names
from katib.api.experiment import Experiment, ParameterSpec
from katib.api.values import NameValue
from katib.errors import FieldError, SettingsError
from katib.search.distribution import Distribution, is_log
from katib.search.parameter import GridParameter, ListParameter, Parameter, RealParameter


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The parameters, in the order of the document."""

    parameters: Sequence[Parameter]

    @classmethod
    def of(cls, experiment: Experiment) -> SearchSpace:
        """The search space of an experiment.

        Raises:
            SettingsError: a parameter has no legal values; all such are named.
        """
        parameters: list[Parameter] = []
        problems: list[FieldError] = []
        for place, spec in enumerate(experiment.spec.parameters):
            try:
                parameters.append(_parameter(spec))
            except ValueError as error:
                problems.append(
                    _wrong(f"spec.parameters[{place}]", f'parameter "{spec.name}": {error}')
                )
        if not parameters and not problems:
            empty = "spec.parameters is empty; there is nothing to search"
            problems.append(_wrong("spec.parameters", empty))
        if problems:
            raise SettingsError(*problems)
        return cls(tuple(parameters))

    @property
    def size(self) -> int | None:
        """How many points there are; ``None`` when there is no end of them."""
        sizes = [parameter.size for parameter in self.parameters]
        counted = [size for size in sizes if size is not None]
        return math.prod(counted) if len(counted) == len(sizes) else None

    def assignments_at(self, units: Sequence[float]) -> tuple[NameValue, ...]:
        """The point that places on the unit intervals stand for, one for each parameter."""
        return tuple(
            NameValue(name=parameter.name, value=parameter.value_at(unit))
            for parameter, unit in zip(self.parameters, units, strict=True)
        )

    def units_of(self, assignments: Sequence[NameValue]) -> tuple[float, ...]:
        """The places that a point has on the unit intervals, one for each parameter, in order.

        Whatever order the assignments have; those of other parameters are passed over. A number
        beyond its range lies at the end of it.

        Raises:
            ValueError: a parameter is not assigned, or not to a value it can have.
        """
        values = {assignment.name: assignment.value for assignment in assignments}
        for parameter in self.parameters:
            if parameter.name not in values:
                raise ValueError(f'parameter "{parameter.name}" has no value')
        return tuple(parameter.unit(values[parameter.name]) for parameter in self.parameters)

    def point(self, index: int) -> tuple[NameValue, ...]:
        """The point of that index, from 0 on; only of a space that has a size.

        The values of the last parameter change fastest.
        """
        values: list[NameValue] = []
        for parameter in reversed(self.parameters):
            index, digit = divmod(index, parameter.size or 1)
            values.append(NameValue(name=parameter.name, value=parameter.value(digit)))
        return tuple(reversed(values))


def _wrong(path: str, detail: str) -> FieldError:
    return FieldError(path, "Invalid value", detail)


def _parameter(spec: ParameterSpec) -> Parameter:
    if spec.parameter_type in (names.DISCRETE, names.CATEGORICAL):
        return _listed(spec)
    if spec.parameter_type in (names.DOUBLE, names.INT):
        return _numeric(spec)
    raise ValueError(
        f'parameterType "{spec.parameter_type}" cannot be searched; use double, int, discrete or '
        "categorical"
    )


def _listed(spec: ParameterSpec) -> ListParameter:
    values = spec.feasible_space.list
    if not values:
        raise ValueError("feasibleSpace.list is empty; name at least one value")
    is_discrete = spec.parameter_type == names.DISCRETE
    if is_discrete:
        try:
            values = tuple(sorted(values, key=float))
        except ValueError:
            # Katib has always taken texts here; they have no order but the user's.
            is_discrete = False
    return ListParameter(spec.name, values, is_discrete)


def _numeric(spec: ParameterSpec) -> Parameter:
    space = spec.feasible_space
    is_int = spec.parameter_type == names.INT
    low, high = _number("min", space.min, is_int), _number("max", space.max, is_int)
    if low > high:
        raise ValueError(f"feasibleSpace.min {space.min} is above feasibleSpace.max {space.max}")
    if is_log(space.distribution) and low <= 0:
        raise ValueError(
            f"distribution {space.distribution} needs feasibleSpace.min above 0, not {space.min}"
        )
    bounds = float(low), float(high)
    if not space.step and not is_int and low < high:
        return RealParameter(spec.name, Distribution(space.distribution, bounds, bounds))
    step = _number("step", space.step or "1", is_int)
    if step <= 0:
        raise ValueError(f"feasibleSpace.step {space.step} is not above 0")
    count = _count(low, high, step)
    half = float(step) / 2
    below = bounds[0] - half
    if is_log(space.distribution):
        below = max(below, bounds[0] / 2)
    last = float(low) + (count - 1) * float(step)
    distribution = Distribution(space.distribution, bounds, (below, last + half))
    return GridParameter(spec.name, low, step, count, is_int, distribution)


def _count(low: Decimal, high: Decimal, step: Decimal) -> int:
    with localcontext() as context:
        # Enough that neither the difference nor the quotient is ever rounded up to a whole step.
        context.prec = 700
        return int((high - low) // step) + 1


def _number(field: str, text: str, is_int: bool) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f'feasibleSpace.{field} "{text}" is not a number') from None
    if not number.is_finite() or not math.isfinite(float(number)):
        raise ValueError(f"feasibleSpace.{field} {text} is not finite")
    if is_int and number != number.to_integral_value():
        raise ValueError(f"feasibleSpace.{field} {text} is not a whole number, as an int needs")
    return number
