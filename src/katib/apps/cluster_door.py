"""What a cluster admits: by the webhooks, and by the controller where there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from katib.admission import AdmissionContext, admit
from katib.admission.context import Lookup
from katib.api.codec import to_manifest
from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Manifest, Unstructured
from katib.apps.door import check_algorithm_settings, check_stopping_settings
from katib.configuration.in_cluster import InCluster
from katib.errors import FieldError
from katib.ports.resource_store import ResourceReader
from katib.suggesters.in_process import InProcessSuggester


class ClusterDoor:
    """Admits experiments. May be used by any thread.

    Args:
        store: where the ConfigMaps of trial templates are.
        usable: what can be used in the cluster, as it is now.
    """

    def __init__(self, store: ResourceReader, usable: Callable[[], InCluster]) -> None:
        self._store, self._usable = store, usable

    def admit(self, manifest: Manifest, old: Experiment | None = None) -> Experiment:
        """The legal experiment of a manifest; settings of what is built in are checked, too.

        Args:
            manifest: of the experiment.
            old: the stored experiment that it changes.

        Raises:
            AdmissionError: with everything that is wrong.
        """
        usable = self._usable()
        context = AdmissionContext(
            algorithms=Lookup(usable.find_algorithm),
            early_stopping_algorithms=Lookup(usable.find_early_stopping),
            collector_kinds=Lookup(usable.check_collector),
            find_config_map=self._find_config_map,
            check_settings=lambda experiment: _check_settings(experiment, usable),
        )
        return admit(manifest, context, old)

    def take_on(self, experiment: Experiment) -> Experiment:
        """The legal experiment, with its defaults, of one that is stored.

        Raises:
            AdmissionError: with everything that is wrong.
        """
        admitted = self.admit(to_manifest(experiment))
        return replace(admitted, metadata=experiment.metadata, status=experiment.status)

    def _find_config_map(self, key: Key) -> Mapping[str, str] | None:
        found: Unstructured | None = self._store.find(CONFIG_MAPS, key)
        return None if found is None else found.body.get("data") or {}


def _check_settings(experiment: Experiment, usable: InCluster) -> Iterator[FieldError]:
    """What the built-in algorithms find wrong; those of images are asked by the controllers."""
    entries = usable.config.runtime
    algorithm = experiment.spec.algorithm or AlgorithmSpec()
    if all(one.algorithm_name != algorithm.algorithm_name for one in entries.suggestions):
        yield from check_algorithm_settings(experiment, InProcessSuggester().validate)
    stopping = experiment.spec.early_stopping or AlgorithmSpec()
    if all(one.algorithm_name != stopping.algorithm_name for one in entries.early_stoppings):
        yield from check_stopping_settings(experiment)
