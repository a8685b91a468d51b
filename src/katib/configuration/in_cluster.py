"""What can be used in a cluster: images that are run for an experiment, and what is built in."""

from __future__ import annotations

from dataclasses import dataclass

from katib.api.values import Manifest
from katib.configuration.lookups import (
    KINDS_WITHOUT_ENTRY,
    find_collector,
    find_early_stopping,
    find_suggestion,
)
from katib.configuration.models import EarlyStoppingConfig, KatibConfig, SuggestionConfig
from katib.configuration.one_machine import Names
from katib.errors import ConfigurationError

#: The claim of an algorithm that is built in and whose trials keep checkpoints, as Katib's of pbt.
CHECKPOINTS_CLAIM: Manifest = {
    "accessModes": ["ReadWriteMany"],
    "resources": {"requests": {"storage": "5Gi"}},
}


@dataclass(frozen=True, slots=True)
class InCluster:
    """The names that the operator can use.

    An entry of the configuration goes before what is built in, so that an image may take the place
    of an algorithm that has the same name.

    Attributes:
        config: as it is now.
        algorithms: the search algorithms that are built in.
        early_stopping_algorithms: the early stopping rules that are built in.
        collector_kinds: the kinds of metrics collector for which the operator has an image of its
            own.
    """

    config: KatibConfig
    algorithms: Names = ()
    early_stopping_algorithms: Names = ()
    collector_kinds: Names = ()

    def find_algorithm(self, name: str) -> SuggestionConfig:
        """How a search algorithm is served; without image and address when it is built in.

        Raises:
            ConfigurationError: it cannot be asked; the message says why.
        """
        entries = (entry.algorithm_name for entry in self.config.runtime.suggestions)
        if name in self.algorithms and name not in entries:
            return SuggestionConfig(
                algorithm_name=name, persistent_volume_claim_spec=CHECKPOINTS_CLAIM
            )
        return find_suggestion(self.config, name, self.algorithms)

    def find_early_stopping(self, name: str) -> EarlyStoppingConfig:
        """How an early stopping rule is served; as :meth:`find_algorithm`."""
        entries = (entry.algorithm_name for entry in self.config.runtime.early_stoppings)
        if name in self.early_stopping_algorithms and name not in entries:
            return EarlyStoppingConfig(algorithm_name=name)
        return find_early_stopping(self.config, name, self.early_stopping_algorithms)

    def check_collector(self, kind: str) -> None:
        """Return if a kind of metrics collector can be used.

        Raises:
            ConfigurationError: it cannot; the message says why.
        """
        if kind in KINDS_WITHOUT_ENTRY or kind in self.collector_kinds:
            return
        try:
            find_collector(self.config, kind, self.collector_kinds)
        except ConfigurationError as error:
            if self.collector_kinds:
                raise
            raise ConfigurationError(
                f"{error}; the operator was not told Katib's image either: name it in its variable "
                "KATIB_IMAGE or with --image"
            ) from error
