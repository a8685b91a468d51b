from __future__ import annotations

from pathlib import Path

import pytest

from katib.api import codec
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Manifest, ObjectMeta, Unstructured
from katib.apps.cluster_config import READ_EVERY, cluster_config
from katib.configuration import KatibConfig
from katib.errors import ConfigurationError
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

KEY = Key("kubeflow", "katib-config")


def a_config_map(text: str) -> Unstructured:
    body: Manifest = {"data": {"katib-config.yaml": text}}
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
    return Unstructured(api_version="v1", kind="ConfigMap", metadata=metadata, body=body)


def some(image: str) -> str:
    entry = {"algorithmName": "tpe", "image": image}
    return codec.dump_yaml({"runtime": {"suggestions": [entry]}})


def image_of(config: KatibConfig) -> str:
    return config.runtime.suggestions[0].image


def test_without_a_file_and_a_config_map_everything_has_its_defaults() -> None:
    clock = FakeClock()
    config = cluster_config(None, MemoryStore(clock), "kubeflow", clock)
    assert config.now() == KatibConfig()


def test_a_config_map_is_read_and_an_edit_of_it_is_seen_soon() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    store.create(CONFIG_MAPS, a_config_map(some("first")))
    config = cluster_config(None, store, "kubeflow", clock)
    assert image_of(config.now()) == "first"
    store.update(CONFIG_MAPS, a_config_map(some("second")))
    clock.advance(READ_EVERY - 0.1)
    assert image_of(config.now()) == "first"
    clock.advance(0.1)
    assert image_of(config.now()) == "second"


def test_a_file_goes_before_the_config_map(tmp_path: Path) -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    store.create(CONFIG_MAPS, a_config_map(some("map")))
    path = tmp_path / "katib-config.yaml"
    path.write_text(some("file"))
    config = cluster_config(path, store, "kubeflow", clock)
    assert image_of(config.now()) == "file"
    path.write_text(some("edited"))
    clock.advance(READ_EVERY)
    assert image_of(config.now()) == "edited"


def test_a_configuration_that_cannot_be_read_is_refused_until_it_is_mended() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    store.create(CONFIG_MAPS, a_config_map("runtime: 3"))
    config = cluster_config(None, store, "kubeflow", clock)
    with pytest.raises(ConfigurationError, match="runtime: 3 must be a map"):
        config.now()
    store.update(CONFIG_MAPS, a_config_map(some("mended")))
    assert image_of(config.now()) == "mended"
