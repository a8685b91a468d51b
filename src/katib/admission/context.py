"""What admission must know of the home it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from katib.api.experiment import Experiment
from katib.api.values import Key
from katib.errors import ConfigurationError, FieldError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Lookup:
    """A home's own way to find what a name stands for.

    Attributes:
        find: called with the name at every admission; a ``ConfigurationError`` says why it cannot
            be used.
    """

    find: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class AdmissionContext:
    """The names that mean something in this home.

    Where a lookup stands instead of names, it decides. Names are read at every admission.

    Attributes:
        algorithms: the search algorithms that can be asked.
        early_stopping_algorithms: the early stopping rules that can be asked.
        collector_kinds: the kinds of metrics collector that work here, as ``StdOut``.
        find_config_map: the data of a ConfigMap, or ``None`` when there is none of that name.
        calls_functions: whether trials may be calls of functions, which one machine alone makes.
        check_settings: what the algorithms themselves find wrong with an experiment, which may be
            illegal in other ways; nothing, where they are asked later.
    """

    algorithms: Iterable[str] | Lookup
    early_stopping_algorithms: Iterable[str] | Lookup
    collector_kinds: Iterable[str] | Lookup
    find_config_map: Callable[[Key], Mapping[str, str] | None]
    calls_functions: bool = True
    check_settings: Callable[[Experiment], Iterable[FieldError]] = lambda _: ()

    def check_algorithm(self, name: str) -> None:
        """Raises ``ConfigurationError`` when the search algorithm cannot be asked."""
        _check("algorithm", name, self.algorithms)

    def check_early_stopping(self, name: str) -> None:
        """Raises ``ConfigurationError`` when the early stopping rule cannot be asked."""
        _check("early stopping algorithm", name, self.early_stopping_algorithms)

    def check_collector(self, kind: str) -> None:
        """Raises ``ConfigurationError`` when metrics cannot be collected in that way."""
        if isinstance(self.collector_kinds, Lookup):
            self.collector_kinds.find(kind)
            return
        usable = sorted(self.collector_kinds)
        if kind not in usable:
            raise ConfigurationError(
                f"metrics collector kind: {kind} cannot be used here; use {_alternatives(usable)}"
            )


def _check(what: str, name: str, known: Iterable[str] | Lookup) -> None:
    if isinstance(known, Lookup):
        known.find(name)
        return
    names = set(known)
    if name not in names:
        raise ConfigurationError(str(UnknownNameError(what, name, names)))


def _alternatives(usable: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(usable[:-1]), *usable[-1:])))
