from __future__ import annotations

import pytest
from msgspec.structs import replace

from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.apps.cluster_door import ClusterDoor
from katib.configuration import read_config
from katib.configuration.in_cluster import InCluster
from katib.errors import AdmissionError
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

IMAGES = """
runtime:
  suggestions:
    - {algorithmName: random, image: "mine/random:1"}
  earlyStoppings:
    - {algorithmName: medianstop, image: "mine/medianstop:1"}
"""


def a_door(text: str = "{}", *kinds: str) -> ClusterDoor:
    config = read_config(text, "katib-config.yaml")
    usable = InCluster(config, ALGORITHMS, STOPPING_RULES, kinds or ("StdOut",))
    return ClusterDoor(MemoryStore(FakeClock()), lambda: usable)


def refused(door: ClusterDoor, experiment: Experiment) -> str:
    with pytest.raises(AdmissionError) as caught:
        door.admit(to_manifest(experiment))
    return str(caught.value)


def test_what_is_built_in_needs_no_entry() -> None:
    experiment = an_experiment().with_algorithm("tpe").with_early_stopping("medianstop").build()
    assert a_door().admit(to_manifest(experiment)).spec.algorithm == experiment.spec.algorithm


def test_settings_of_what_is_built_in_are_checked() -> None:
    builder = an_experiment().with_algorithm("random", random_state="x")
    experiment = builder.with_early_stopping("medianstop", start_step="0").build()
    told = refused(a_door(), experiment)
    assert "spec.algorithm.algorithmSettings[0].value" in told
    assert "spec.earlyStopping.algorithmSettings[0].value" in told


def test_settings_of_images_are_for_them_to_check() -> None:
    builder = an_experiment().with_algorithm("random", mine="x")
    experiment = builder.with_early_stopping("medianstop", mine="y").build()
    assert a_door(IMAGES).admit(to_manifest(experiment))


def test_a_kind_without_a_collector_is_refused() -> None:
    told = refused(a_door("{}", "File"), an_experiment().build())
    assert "failed to find metrics collector config for kind: StdOut" in told


def test_a_stored_experiment_keeps_what_the_store_has_written() -> None:
    experiment = an_experiment().build()
    metadata = replace(experiment.metadata, resource_version="7", finalizers=("mine",))
    status = replace(experiment.status, trials=3)
    spec = replace(experiment.spec, parallel_trial_count=None)
    stored = replace(experiment, metadata=metadata, status=status, spec=spec)
    taken = a_door().take_on(stored)
    assert (taken.metadata, taken.status) == (metadata, status)
    assert taken.spec.parallel_trial_count == 3
