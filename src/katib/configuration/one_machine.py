"""What can be used on one machine, where no image can run."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Protocol

from katib.configuration.lookups import (
    KINDS_WITHOUT_ENTRY,
    find_collector,
    find_early_stopping,
    find_suggestion,
)
from katib.configuration.models import KatibConfig
from katib.errors import ConfigurationError


class Names(Iterable[str], Container[str], Protocol):
    """Names that can be listed and asked for, as those of a registry."""


@dataclass(frozen=True, slots=True)
class OneMachine:
    """The names that an embedded home can use: what is built in, and services that already run.

    Attributes:
        config: the home's configuration.
        algorithms: the search algorithms that are built in.
        early_stopping_algorithms: the early stopping rules that are built in.
        collector_kinds: the kinds of metrics collector that are built in.
    """

    config: KatibConfig
    algorithms: Names
    early_stopping_algorithms: Names
    collector_kinds: Names

    def find_algorithm(self, name: str) -> str:
        """Where a search algorithm is asked: ``host:port``, or nothing when it is built in.

        An address in the configuration goes before what is built in.

        Raises:
            ConfigurationError: it cannot be asked; the message says why.
        """
        address = algorithm_address(self.config, name)
        if address or name in self.algorithms:
            return address
        entry = find_suggestion(self.config, name, self.algorithms)
        raise _only_image(f"algorithm {name}", entry.image, self.algorithms)

    def find_early_stopping(self, name: str) -> str:
        """Where an early stopping rule is asked; as :meth:`find_algorithm`."""
        address = early_stopping_address(self.config, name)
        if address or name in self.early_stopping_algorithms:
            return address
        entry = find_early_stopping(self.config, name, self.early_stopping_algorithms)
        raise _only_image(
            f"early stopping algorithm {name}", entry.image, self.early_stopping_algorithms
        )

    def check_collector(self, kind: str) -> None:
        """Whether a kind of metrics collector works here.

        Raises:
            ConfigurationError: it does not; the message says why.
        """
        if kind in self.collector_kinds:
            return
        usable = " or ".join(sorted(self.collector_kinds)) or "none"
        if kind not in KINDS_WITHOUT_ENTRY:
            entry = find_collector(self.config, kind, self.collector_kinds)
            raise ConfigurationError(
                f"metrics collector kind: {kind} is only an image ({entry.image}), and an image "
                f"cannot run on one machine; use {usable}"
            )
        raise ConfigurationError(
            f"metrics collector kind: {kind} cannot be used here; use {usable}"
        )


def algorithm_address(config: KatibConfig, name: str) -> str:
    """``host:port`` of the service that the configuration names for an algorithm, or nothing."""
    addresses = {one.algorithm_name: one.address for one in config.runtime.suggestions}
    return addresses.get(name, "")


def early_stopping_address(config: KatibConfig, name: str) -> str:
    """``host:port`` of the service that the configuration names for a rule, or nothing."""
    addresses = {one.algorithm_name: one.address for one in config.runtime.early_stoppings}
    return addresses.get(name, "")


def _only_image(what: str, image: str, known: Iterable[str]) -> ConfigurationError:
    built_in = ", ".join(sorted(known)) or "none yet"
    return ConfigurationError(
        f"{what} is only an image ({image}), and an image cannot run on one machine; start its "
        "gRPC service yourself and add address: host:port to the entry, or use one that is built "
        f"in: {built_in}"
    )
