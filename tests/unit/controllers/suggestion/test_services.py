from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from katib.api import codec, names
from katib.api.experiment import AlgorithmSpec
from katib.api.kinds import (
    DEPLOYMENTS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    SERVICES,
)
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionSpec
from katib.api.values import (
    Key,
    Kind,
    Manifest,
    NameValue,
    ObjectMeta,
    Resource,
    Unstructured,
)
from katib.configuration import KatibConfig, read_config, read_config_map
from katib.configuration.in_cluster import InCluster
from katib.controllers.suggestion.services import AlgorithmServices
from katib.errors import ConfigurationError, StoreUnavailableError
from katib.ports.resource_store import Event, EventType
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

KEY = Key("team", "mnist-tpe")
VOLUME_KEY = Key("", "mnist-tpe-team")
KINDS = (
    PERSISTENT_VOLUMES,
    PERSISTENT_VOLUME_CLAIMS,
    SERVICES,
    DEPLOYMENTS,
)
ALGORITHM = {"algorithmName": "tpe", "image": "example/tpe"}
WITH_VOLUME = {**ALGORITHM, "persistentVolumeSpec": {"hostPath": {"path": "/data"}}}
RULE = {"algorithmName": "medianstop", "image": "example/stop"}

R = TypeVar("R", bound=Resource)


def a_config(algorithm: Manifest | None = None, rule: Manifest | None = None) -> KatibConfig:
    """A configuration with these entries; an empty one is left out."""
    first, second = (
        (ALGORITHM if algorithm is None else algorithm),
        (RULE if rule is None else rule),
    )
    runtime = {
        "suggestions": [first] if first else [],
        "earlyStoppings": [second] if second else [],
    }
    return read_config(codec.dump_yaml({"runtime": runtime}), "katib-config.yaml")


class Store(MemoryStore):
    """A store that refuses to create resources of one kind, or is beaten to it by somebody."""

    refused: Kind[Any] | None = None
    raced: Kind[Any] | None = None

    def create(self, kind: Kind[R], resource: R) -> R:
        if kind is self.refused:
            raise StoreUnavailableError("the disk", "it is full")
        if kind is self.raced:
            super().create(kind, resource)
        return super().create(kind, resource)


class Stage:
    algorithms: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def __init__(self, policy: str = names.NEVER, rule: bool = False) -> None:
        self.store = Store(FakeClock())
        self.config = a_config(WITH_VOLUME)
        self.services = AlgorithmServices(self.store, self.read)
        spec = SuggestionSpec(
            algorithm=AlgorithmSpec(algorithm_name="tpe"),
            early_stopping=AlgorithmSpec(algorithm_name="medianstop") if rule else None,
            resume_policy=policy,
        )
        metadata = ObjectMeta(name="mnist", namespace="team")
        self.suggestion = self.store.create(SUGGESTIONS, Suggestion(metadata=metadata, spec=spec))
        self.events: list[str] = []
        self.store.subscribe(self._hear)

    def read(self) -> InCluster:
        return InCluster(self.config, self.algorithms, self.rules)

    def _hear(self, event: Event) -> None:
        sign = {EventType.ADDED: "+", EventType.MODIFIED: "~", EventType.DELETED: "-"}[event.type]
        self.events.append(sign + event.kind.name)

    def ensure(self) -> bool:
        return self.services.ensure(self.suggestion)

    def remove(self) -> None:
        self.services.remove(self.suggestion)

    def heard(self) -> list[str]:
        """What was created, changed or deleted since the last call."""
        heard, self.events = self.events, []
        return heard

    def kept(self) -> list[str]:
        return [kind.name for kind in KINDS if self.store.list(kind)]

    def deployment(self) -> Unstructured:
        return self.store.get(DEPLOYMENTS, KEY)

    def show(self, *conditions: Manifest) -> None:
        """The cluster writes the Deployment's conditions."""
        shown = codec.with_status(self.deployment(), {"conditions": list(conditions)})
        self.store.update_status(DEPLOYMENTS, shown)
        self.heard()


def available(status: str) -> Manifest:
    return {"type": "Available", "status": status}


FIRST_PASSES: dict[str, tuple[str, bool, Manifest, list[str]]] = {
    "The first pass of a `Never` suggestion creates Service and Deployment": (
        names.NEVER,
        False,
        WITH_VOLUME,
        ["+Service", "+Deployment"],
    ),
    "The first pass of a `LongRunning` suggestion creates Service and Deployment": (
        names.LONG_RUNNING,
        False,
        WITH_VOLUME,
        ["+Service", "+Deployment"],
    ),
    "The first pass of a `FromVolume` suggestion creates the claim, Service and Deployment": (
        names.FROM_VOLUME,
        False,
        ALGORITHM,
        ["+PersistentVolumeClaim", "+Service", "+Deployment"],
    ),
    "The volume is created before its claim": (
        names.FROM_VOLUME,
        False,
        WITH_VOLUME,
        ["+PersistentVolume", "+PersistentVolumeClaim", "+Service", "+Deployment"],
    ),
    "With `FromVolume`, a configured volume and early stopping four objects are created, the "
    "Deployment last": (
        names.FROM_VOLUME,
        True,
        WITH_VOLUME,
        [f"+{kind.name}" for kind in KINDS],
    ),
}


@pytest.mark.parametrize(
    ("policy", "rule", "algorithm", "created"), FIRST_PASSES.values(), ids=FIRST_PASSES.keys()
)
def test_a_first_pass(policy: str, rule: bool, algorithm: Manifest, created: list[str]) -> None:
    stage = Stage(policy, rule)
    stage.config = a_config(algorithm)
    stage.ensure()
    assert stage.heard() == created


@pytest.mark.parametrize("policy", [names.NEVER, names.FROM_VOLUME])
def test_an_algorithm_that_is_built_in_gets_a_claim_for_the_checkpoints_of_its_trials(
    policy: str,
) -> None:
    stage = Stage(policy)
    stage.config, stage.algorithms = KatibConfig(), ("tpe",)
    assert stage.ensure() is True
    assert stage.heard() == []
    setting = NameValue(name=names.SETTING_TRIAL_DIR, value="/checkpoints")
    algorithm = AlgorithmSpec(algorithm_name="tpe", algorithm_settings=(setting,))
    spec = replace(stage.suggestion.spec, algorithm=algorithm)
    stage.suggestion = replace(stage.suggestion, spec=spec)
    assert stage.ensure() is True
    assert stage.heard() == ["+PersistentVolumeClaim"]
    claim = stage.store.get(PERSISTENT_VOLUME_CLAIMS, KEY)
    assert claim.spec["accessModes"] == ["ReadWriteMany"]
    assert stage.services.is_needed(stage.suggestion) is False


def test_all_are_kept_under_their_names() -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    for kind in KINDS:
        key = VOLUME_KEY if kind is PERSISTENT_VOLUMES else KEY
        assert stage.store.find(kind, key) is not None, kind


@pytest.mark.rule("A Deployment that was just created is not ready")
def test_just_created() -> None:
    assert Stage().ensure() is False


READINESS: dict[str, tuple[list[Manifest], bool]] = {
    "A Deployment with `Available=False` is not ready": (
        [{"type": "Progressing", "status": "True"}, available("False")],
        False,
    ),
    "A Deployment with `Available=True` is ready": (
        [{"type": "Progressing", "status": "True"}, available("True")],
        True,
    ),
    "a Deployment without conditions": ([], False),
    "a Deployment that only progresses": ([{"type": "Progressing", "status": "True"}], False),
}


@pytest.mark.parametrize(("shown", "is_ready"), READINESS.values(), ids=READINESS.keys())
def test_readiness(shown: list[Manifest], is_ready: bool) -> None:
    stage = Stage()
    stage.ensure()
    stage.show(*shown)
    assert stage.ensure() is is_ready


@pytest.mark.rule("A Deployment that is being deleted is not ready")
def test_a_deployment_that_goes() -> None:
    stage = Stage()
    stage.ensure()
    held = stage.deployment()
    metadata = replace(held.metadata, finalizers=("foregroundDeletion",))
    stage.store.update(DEPLOYMENTS, replace(held, metadata=metadata))
    stage.show(available("True"))
    assert stage.ensure() is True
    stage.remove()
    assert stage.deployment().metadata.deletion_timestamp is not None
    assert stage.ensure() is False


@pytest.mark.rule("What exists is neither created again nor corrected")
def test_what_exists_is_left() -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    mended = replace(stage.deployment(), body={"spec": {"replicas": 3}})
    stage.store.update(DEPLOYMENTS, mended)
    foreign = replace(stage.store.get(SERVICES, KEY), body={"spec": {"type": "NodePort"}})
    stage.store.update(SERVICES, foreign)
    stage.heard()
    stage.ensure()
    assert stage.heard() == []
    assert stage.deployment().spec == {"replicas": 3}
    assert stage.store.get(SERVICES, KEY).spec == {"type": "NodePort"}


@pytest.mark.rule("Only what is missing is created")
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_one_is_missing(kind: Kind[Unstructured]) -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    stage.store.delete(kind, VOLUME_KEY if kind is PERSISTENT_VOLUMES else KEY)
    stage.heard()
    stage.ensure()
    assert stage.heard() == [f"+{kind.name}"]


@pytest.mark.rule("A resource that somebody else creates at the same moment is used")
def test_somebody_was_faster() -> None:
    stage = Stage()
    stage.store.raced = SERVICES
    stage.ensure()
    assert stage.heard() == ["+Service", "+Deployment"]


@pytest.mark.rule("A volume that cannot be created ends the pass before the claim")
def test_no_volume() -> None:
    stage = Stage(names.FROM_VOLUME)
    stage.store.refused = PERSISTENT_VOLUMES
    with pytest.raises(StoreUnavailableError):
        stage.ensure()
    assert stage.heard() == []
    stage.store.refused = None
    stage.ensure()
    assert stage.kept() == [
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
    ]


@pytest.mark.rule("A changed configuration is read at the next pass")
def test_the_configuration_changes() -> None:
    stage = Stage()
    stage.ensure()
    stage.remove()
    stage.config = a_config({**ALGORITHM, "image": "example/tpe:2"})
    stage.ensure()
    (container,) = stage.deployment().spec["template"]["spec"]["containers"]
    assert container["image"] == "example/tpe:2"


def test_probes_can_be_switched_off() -> None:
    stage = Stage()
    AlgorithmServices(stage.store, stage.read, has_probes=False).ensure(stage.suggestion)
    (container,) = stage.deployment().spec["template"]["spec"]["containers"]
    assert "readinessProbe" not in container
    assert "livenessProbe" not in container


def no_image() -> KatibConfig:
    return a_config(rule={"algorithmName": "medianstop", "image": " "})


def bad_quantity() -> KatibConfig:
    return a_config({**ALGORITHM, "resources": {"limits": {"cpu": "many"}}})


REFUSALS: dict[str, tuple[Callable[[], KatibConfig], str]] = {
    "An early stopping rule without an image is an error": (
        no_image,
        "required value for image configuration of algorithm name: medianstop",
    ),
    "A CPU quantity that cannot be read is an error": (
        bad_quantity,
        r'runtime.suggestions\[0\].resources.limits.cpu: "many" must be a quantity',
    ),
    "A configuration that cannot be read is an error and nothing is created": (
        lambda: read_config_map(None),
        'ConfigMap "katib-config" not found',
    ),
    "An algorithm that is neither built in nor in the configuration is an error and nothing is "
    "created": (
        lambda: a_config({}),
        "failed to find suggestion config for algorithm: tpe in ConfigMap: katib-config",
    ),
    "An early stopping rule that is neither built in nor in the configuration is an error and "
    "nothing is created": (
        lambda: a_config(rule={}),
        "failed to find early stopping config for algorithm: medianstop in ConfigMap: katib-config",
    ),
}


@pytest.mark.parametrize(("read", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_configuration_that_cannot_be_used(read: Callable[[], KatibConfig], message: str) -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    services = AlgorithmServices(stage.store, lambda: InCluster(read()))
    with pytest.raises(ConfigurationError, match=message):
        services.ensure(stage.suggestion)
    assert stage.heard() == []


@pytest.mark.rule("Removing deletes Deployment and Service and keeps claim and volume")
def test_removing() -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    stage.heard()
    stage.remove()
    assert stage.heard() == ["-Deployment", "-Service"]
    assert stage.kept() == [kind.name for kind in KINDS if kind not in (DEPLOYMENTS, SERVICES)]


@pytest.mark.rule("Removing needs neither the configuration nor resources that exist")
def test_removing_what_is_gone() -> None:
    stage = Stage()
    stage.ensure()
    stage.store.delete(DEPLOYMENTS, KEY)
    stage.heard()
    services = AlgorithmServices(stage.store, lambda: InCluster(read_config_map(None)))
    services.remove(stage.suggestion)
    services.remove(stage.suggestion)
    assert stage.heard() == ["-Service"]


@pytest.mark.rule("After a removal the next pass creates Deployment and Service again")
def test_a_restart() -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    stage.remove()
    stage.heard()
    assert stage.ensure() is False
    assert stage.heard() == ["+Service", "+Deployment"]


@pytest.mark.rule("A deleted suggestion takes everything but the volume with it")
def test_the_suggestion_goes() -> None:
    stage = Stage(names.FROM_VOLUME, rule=True)
    stage.ensure()
    stage.store.delete(SUGGESTIONS, stage.suggestion.key)
    assert stage.kept() == ["PersistentVolume"]


@pytest.mark.rule(
    "The algorithm is asked at `<suggestion>-<algorithm>.<namespace>:6789` and its early stopping "
    "rule at port 6788"
)
def test_addresses() -> None:
    stage = Stage(rule=True)
    assert stage.services.address(stage.suggestion) == "mnist-tpe.team:6789"
    assert stage.services.early_stopping_address(stage.suggestion) == "mnist-tpe.team:6788"


@pytest.mark.rule(
    "An algorithm with an `address` in the configuration is asked there and nothing is created for "
    "it"
)
def test_an_algorithm_that_already_runs() -> None:
    stage = Stage(names.FROM_VOLUME)
    stage.config = a_config({**WITH_VOLUME, "address": "search.example:7000"})
    assert stage.ensure() is True
    assert stage.heard() == []
    assert stage.services.address(stage.suggestion) == "search.example:7000"


@pytest.mark.rule("An early stopping rule with an `address` is asked there and gets no container")
def test_a_rule_that_already_runs() -> None:
    stage = Stage(rule=True)
    stage.config = a_config(rule={**RULE, "address": "stop.example:7001"})
    stage.ensure()
    assert stage.heard() == ["+Service", "+Deployment"]
    pod = stage.deployment().spec["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["suggestion"]
    assert stage.services.early_stopping_address(stage.suggestion) == "stop.example:7001"


@pytest.mark.rule(
    "An algorithm that is built in and has no entry in the configuration is asked in the "
    "operator's process, and nothing is created for it"
)
def test_an_algorithm_that_is_built_in() -> None:
    stage = Stage(names.FROM_VOLUME)
    stage.config, stage.algorithms = KatibConfig(), ("tpe",)
    assert not stage.services.is_needed(stage.suggestion)
    assert stage.ensure() is True
    assert stage.heard() == []
    assert stage.services.address(stage.suggestion) == ""
    stage.config = a_config()
    assert stage.services.is_needed(stage.suggestion)
    assert stage.services.address(stage.suggestion) == "mnist-tpe.team:6789"


@pytest.mark.rule(
    "An early stopping rule that is built in and has no entry in the configuration gets no "
    "container"
)
def test_a_rule_that_is_built_in() -> None:
    stage = Stage(rule=True)
    stage.config, stage.rules = a_config(rule={}), ("medianstop",)
    stage.ensure()
    pod = stage.deployment().spec["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["suggestion"]
    assert stage.services.early_stopping_address(stage.suggestion) == ""


def test_nobody_is_asked_for_rules_that_are_not_wanted() -> None:
    assert Stage().services.early_stopping_address(Stage().suggestion) == ""
