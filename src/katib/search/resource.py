"""The resource of a search: the parameter that says how much a trial may use, and its settings.

Hyperband, BOHB and ASHA compare configurations, which are points without the resource, by trials
that run them with little of it, and run the best again with more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, TypeVar

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.values import NameValue
from katib.search.settings import MUST_BE_GIVEN, SettingsReader, Values
from katib.search.space import SearchSpace
from katib.search.span import above, at_least
from katib.search.successive_halving import Schedule

T = TypeVar("T")

#: The least of the resource, unless a setting says so.
_LEAST = 1.0


@dataclass(frozen=True, slots=True)
class ResourceSettings:
    """What the user has set.

    Attributes:
        name: of the parameter that is the resource.
        schedule: how much of it there is, and how configurations are sieved.
        has_checkpoints: a trial that goes on with a configuration finds the checkpoint that the
            trial before has left.
    """

    name: str
    schedule: Schedule
    has_checkpoints: bool

    @classmethod
    def read(cls, experiment: Experiment, reader: SettingsReader) -> Self:
        """Read them, and leave what is wrong with them or the search space to ``reader.check()``.

        What is wrong is replaced by something that is not, so that reading can go on.
        """
        if not {"r_l", "resource_name"} <= reader.given.keys():
            reader.refuse("r_l and resource_name must be set.")
        largest = reader.read(
            "r_l", None, _BUDGET, "r_l must be a positive float number.", MUST_BE_GIVEN
        )
        eta = reader.number("eta", 3.0, at_least(2), "eta should be great or equal than 2")
        smallest = reader.number(
            "min_resource",
            None,
            above(0),
            "min_resource must be a positive float number.",
            f"{_LEAST:g}",
        )
        if largest is not None and smallest is not None and smallest > largest:
            problem = f"min_resource {smallest:g} is above r_l {largest:g}"
            reader.refuse(problem, "min_resource")
        name = _read_name(experiment, reader)
        reader.seed()
        path = read_trial_dir(reader, "none")
        schedule = Schedule(_exact(largest or 1.0), _exact(smallest or _LEAST), _exact(eta))
        return cls(name, schedule, bool(path))


class ResourceSpace:
    """A search space, taken apart into configurations and the resource.

    Args:
        space: with the resource.
        name: of the parameter that is the resource.
    """

    def __init__(self, space: SearchSpace, name: str) -> None:
        self._space = space
        self._number = [parameter.name for parameter in space.parameters].index(name)
        others = [one for one in space.parameters if one.name != name]
        self.configurations = SearchSpace(others)

    def with_resource(
        self, configuration: Sequence[NameValue], amount: Fraction
    ) -> tuple[NameValue, ...]:
        """A configuration's point with so much of the resource, or as near to it as is legal."""
        resource = self._space.parameters[self._number]
        pairs = list(configuration)
        value = resource.nearest(float(amount))
        pairs.insert(self._number, NameValue(name=resource.name, value=value))
        return tuple(pairs)

    def without_resource(self, values: Sequence[T]) -> tuple[T, ...]:
        """What there is one of for each parameter, for those of the configuration only."""
        return (*values[: self._number], *values[self._number + 1 :])


def read_trial_dir(reader: SettingsReader, unset: str) -> str:
    """The setting that says where trials find and leave checkpoints.

    Args:
        reader: of the settings.
        unset: what it means that it is not given.
    """
    return reader.read(names.SETTING_TRIAL_DIR, "", _DIRECTORY, unset=unset)


def _read_name(experiment: Experiment, reader: SettingsReader) -> str:
    parameters = [parameter.name for parameter in experiment.spec.parameters]
    values = Values(str, "the name of a parameter with numbers", parameters.__contains__)
    wrong = "value of resource_name setting must be in parameters."
    name = reader.read("resource_name", "", values, wrong, MUST_BE_GIVEN)
    space = reader.space()
    if space and any(one.name == name and not one.is_ordered for one in space.parameters):
        problem = f"resource_name {name} is a parameter of words; name one with numbers"
        reader.refuse(problem, "resource_name")
    return name


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        # Whatever is wrong with it, Katib says it in the same words.
        return math.nan


_BUDGET = Values(_number, "a number above 0", above(0))


def _absolute(text: str) -> str:
    if not text.startswith("/") or not text.strip("/"):
        raise ValueError("it is not absolute, or the root")
    return text


_DIRECTORY = Values(_absolute, "an absolute path in the trial's container")


def _exact(number: float) -> Fraction:
    """The number as it was written: 0.1 is a tenth."""
    return Fraction(repr(number))
