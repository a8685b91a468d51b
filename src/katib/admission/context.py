"""What admission must know of the home it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from katib.api.values import Key


@dataclass(frozen=True, slots=True)
class AdmissionContext:
    """The names that mean something in this home. The iterables are read at every admission.

    Attributes:
        algorithms: the search algorithms that can be asked.
        early_stopping_algorithms: the early stopping rules that can be asked.
        collector_kinds: the kinds of metrics collector that work here, as ``StdOut``.
        find_config_map: the data of a ConfigMap, or ``None`` when there is none of that name.
    """

    algorithms: Iterable[str]
    early_stopping_algorithms: Iterable[str]
    collector_kinds: Iterable[str]
    find_config_map: Callable[[Key], Mapping[str, str] | None]
