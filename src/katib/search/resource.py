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
from katib.errors import SettingsError
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace
from katib.search.successive_halving import Schedule

T = TypeVar("T")


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
        largest = reader.number("r_l", math.nan)
        eta = reader.number("eta", 3.0, _is_at_least_two, "eta should be great or equal than 2")
        smallest = reader.number(
            "min_resource", None, _is_positive, "min_resource must be a positive float number."
        )
        parameters = [parameter.name for parameter in experiment.spec.parameters]
        name = reader.choice(
            "resource_name", "", parameters, "value of resource_name setting must be in parameters."
        )
        reader.integer(
            "random_state",
            None,
            lambda state: state >= 0,
            "random_state should be great or equal than zero",
        )
        path = reader.parsed(names.SETTING_TRIAL_DIR, _absolute, "")
        given = _names_given(experiment)
        if not {"r_l", "resource_name"} <= given:
            reader.refuse("r_l and resource_name must be set.")
        if "r_l" in given and not _is_positive(largest):
            reader.refuse("r_l must be a positive float number.")
        if smallest is not None and smallest > largest:
            reader.refuse(f"min_resource {smallest:g} is above r_l {largest:g}")
        _check_space(experiment, name, reader)
        largest = largest if _is_positive(largest) else 1.0
        schedule = Schedule(_exact(largest), _exact(smallest or 1.0), _exact(eta))
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


def _check_space(experiment: Experiment, name: str, reader: SettingsReader) -> None:
    try:
        space = SearchSpace.of(experiment)
    except SettingsError as error:
        reader.refuse(str(error))
        return
    if any(one.name == name and not one.is_ordered for one in space.parameters):
        reader.refuse(f"resource_name {name} is a parameter of words; name one with numbers")


def _names_given(experiment: Experiment) -> set[str]:
    algorithm = experiment.spec.algorithm
    return set() if algorithm is None else {one.name for one in algorithm.algorithm_settings}


def _absolute(text: str) -> str:
    if not text.startswith("/") or not text.strip("/"):
        raise ValueError("write an absolute path of the trial's container, such as /checkpoints")
    return text


def _is_positive(number: float) -> bool:
    return 0 < number < math.inf


def _is_at_least_two(number: float) -> bool:
    return 2 <= number < math.inf


def _exact(number: float) -> Fraction:
    """The number as it was written: 0.1 is a tenth."""
    return Fraction(repr(number))
