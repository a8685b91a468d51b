from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from katib.api import names
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, ObjectMeta, Resource
from katib.errors import ConfigurationError
from katib.metering import ResourceMeter, parse_address, serve
from katib.ports.resource_store import Event, EventType, Listener, Unsubscribe
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock
from katib.testing.resources import a_job, a_suggestion


class Stage:
    """A store, and what a controller does to it."""

    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())

    def experiment(self, name: str = "one", namespace: str = "default") -> Experiment:
        built = an_experiment().named(name, namespace).build()
        return self.store.create(EXPERIMENTS, built)

    def trial(self, name: str = "one", namespace: str = "default") -> Trial:
        finalizers = (names.FINALIZER_TRIAL,)
        metadata = ObjectMeta(name=name, namespace=namespace, finalizers=finalizers)
        return self.store.create(TRIALS, Trial(metadata=metadata))

    def hold(self, experiment: Experiment, *finalizers: str) -> Experiment:
        stored = self.store.get(EXPERIMENTS, experiment.key)
        metadata = replace(stored.metadata, finalizers=finalizers)
        return self.store.update(EXPERIMENTS, replace(stored, metadata=metadata))

    def delete_trial(self, trial: Trial) -> None:
        self.store.delete(TRIALS, trial.key)
        marked = self.store.get(TRIALS, trial.key)
        metadata = replace(marked.metadata, finalizers=())
        self.store.update(TRIALS, replace(marked, metadata=metadata))

    def set(self, resource: Experiment | Trial, *types: str, message: str = "") -> None:
        """Replace the conditions; the last of the types is the state."""
        found = tuple(Condition(type=type, status="True", message=message) for type in types)
        if isinstance(resource, Experiment):
            one = self.store.get(EXPERIMENTS, resource.key)
            fresh = replace(one, status=replace(one.status, conditions=found))
            self.store.update_status(EXPERIMENTS, fresh)
        else:
            trial = self.store.get(TRIALS, resource.key)
            status = replace(trial.status, conditions=found)
            self.store.update_status(TRIALS, replace(trial, status=status))


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def meter(stage: Stage) -> ResourceMeter:
    return ResourceMeter(stage.store)


def exposed(meter: ResourceMeter) -> dict[str, float]:
    """Every sample with its labels, as Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(meter)
    lines = generate_latest(registry).decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def test_names_types_and_help_texts_are_katibs(meter: ResourceMeter) -> None:
    registry = CollectorRegistry()
    registry.register(meter)
    assert generate_latest(registry).decode().splitlines() == [
        "# HELP katib_experiment_created_total The total number of created experiments",
        "# TYPE katib_experiment_created_total counter",
        "# HELP katib_experiment_deleted_total The total number of deleted experiments",
        "# TYPE katib_experiment_deleted_total counter",
        "# HELP katib_experiment_succeeded_total The total number of succeeded experiments",
        "# TYPE katib_experiment_succeeded_total counter",
        "# HELP katib_experiment_failed_total The total number of failed experiments",
        "# TYPE katib_experiment_failed_total counter",
        "# HELP katib_experiments_current The number of current katib experiments in the cluster",
        "# TYPE katib_experiments_current gauge",
        "# HELP katib_trial_created_total The total number of created trials",
        "# TYPE katib_trial_created_total counter",
        "# HELP katib_trial_deleted_total The total number of deleted trials",
        "# TYPE katib_trial_deleted_total counter",
        "# HELP katib_trial_succeeded_total The total number of succeeded trials",
        "# TYPE katib_trial_succeeded_total counter",
        "# HELP katib_trial_failed_total The total number of failed trials",
        "# TYPE katib_trial_failed_total counter",
        "# HELP katib_trial_metrics_unavailable_total The total number of metrics unavailable "
        "trials",
        "# TYPE katib_trial_metrics_unavailable_total counter",
        "# HELP katib_trials_current The number of current katib trials in the cluster",
        "# TYPE katib_trials_current gauge",
    ]


def no_condition(stage: Stage) -> None:
    stage.experiment()


def held(stage: Stage) -> None:
    stage.hold(stage.experiment(), names.FINALIZER_EXPERIMENT)


def let_go(stage: Stage) -> None:
    one = stage.hold(stage.experiment(), names.FINALIZER_EXPERIMENT)
    stage.store.delete(EXPERIMENTS, one.key)
    stage.hold(one)


def let_go_by_others_first(stage: Stage) -> None:
    one = stage.hold(stage.experiment(), names.FINALIZER_EXPERIMENT, "theirs")
    stage.store.delete(EXPERIMENTS, one.key)
    stage.hold(one, "theirs")


def never_held(stage: Stage) -> None:
    stage.store.delete(EXPERIMENTS, stage.experiment().key)


def restarted(stage: Stage) -> None:
    one = stage.experiment()
    stage.set(one, "Created", "Succeeded")
    stage.set(one, "Created", "Succeeded", message="said again")
    stage.set(one, "Created", "Restarting")
    stage.set(one, "Created", "Restarting", "Succeeded")


def failed_by_suggestion(stage: Stage) -> None:
    stage.set(stage.experiment(), "Failed", message="Suggestion has failed. sigma is wrong")


def ended_trials(stage: Stage) -> None:
    for name, end in (("a", "Succeeded"), ("b", "Failed"), ("c", "MetricsUnavailable")):
        stage.set(stage.trial(name, "team"), "Created", "Running")
        stage.set(stage.store.get(TRIALS, Key("team", name)), "Created", "Running", end)


def trials_that_end_otherwise(stage: Stage) -> None:
    stage.set(stage.trial("a"), "Created", "EarlyStopped")
    stage.set(stage.trial("b"), "Created", "Killed")


def deleted_trial(stage: Stage) -> None:
    stage.delete_trial(stage.trial())


def other_kinds(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())


EXPERIMENT, TRIAL = 'namespace="default"', 'namespace="team"'
COUNTED: dict[str, tuple[Callable[[Stage], None], dict[str, float]]] = {
    "an experiment without a condition is current as Unknown": (
        no_condition,
        {f'katib_experiments_current{{{EXPERIMENT},status="Unknown"}}': 1},
    ),
    "an experiment counts as created when its finalizer is there": (
        held,
        {
            f"katib_experiment_created_total{{{EXPERIMENT}}}": 1,
            f'katib_experiments_current{{{EXPERIMENT},status="Unknown"}}': 1,
        },
    ),
    "an experiment counts as deleted when its finalizer is gone": (
        let_go,
        {
            f"katib_experiment_created_total{{{EXPERIMENT}}}": 1,
            f"katib_experiment_deleted_total{{{EXPERIMENT}}}": 1,
        },
    ),
    "an experiment that others still hold counts as deleted and is current": (
        let_go_by_others_first,
        {
            f"katib_experiment_created_total{{{EXPERIMENT}}}": 1,
            f"katib_experiment_deleted_total{{{EXPERIMENT}}}": 1,
            f'katib_experiments_current{{{EXPERIMENT},status="Unknown"}}': 1,
        },
    ),
    "an experiment that was never held counts as nothing": (never_held, {}),
    "an experiment that is restarted and succeeds again counts again": (
        restarted,
        {
            f"katib_experiment_succeeded_total{{{EXPERIMENT}}}": 2,
            f'katib_experiments_current{{{EXPERIMENT},status="Succeeded"}}': 1,
        },
    ),
    "an experiment that its suggestion fails is current as failed and not counted": (
        failed_by_suggestion,
        {f'katib_experiments_current{{{EXPERIMENT},status="Failed"}}': 1},
    ),
    "each end of a trial has its counter": (
        ended_trials,
        {
            f"katib_trial_created_total{{{TRIAL}}}": 3,
            f"katib_trial_succeeded_total{{{TRIAL}}}": 1,
            f"katib_trial_failed_total{{{TRIAL}}}": 1,
            f"katib_trial_metrics_unavailable_total{{{TRIAL}}}": 1,
            f'katib_trials_current{{{TRIAL},status="Failed"}}': 1,
            f'katib_trials_current{{{TRIAL},status="MetricsUnavailable"}}': 1,
            f'katib_trials_current{{{TRIAL},status="Succeeded"}}': 1,
        },
    ),
    "trials that are killed or stopped early have no counter": (
        trials_that_end_otherwise,
        {
            f"katib_trial_created_total{{{EXPERIMENT}}}": 2,
            f'katib_trials_current{{{EXPERIMENT},status="EarlyStopped"}}': 1,
            f'katib_trials_current{{{EXPERIMENT},status="Killed"}}': 1,
        },
    ),
    "a trial that is deleted is counted and not current": (
        deleted_trial,
        {
            f"katib_trial_created_total{{{EXPERIMENT}}}": 1,
            f"katib_trial_deleted_total{{{EXPERIMENT}}}": 1,
        },
    ),
    "other kinds are not counted": (other_kinds, {}),
}


@pytest.mark.parametrize("name", COUNTED)
def test_what_happens_is_counted(stage: Stage, meter: ResourceMeter, name: str) -> None:
    happen, samples = COUNTED[name]
    happen(stage)
    assert exposed(meter) == samples


@pytest.mark.parametrize(
    "happen", [held, restarted, ended_trials], ids=["held", "restarted", "trials"]
)
def test_what_exists_at_the_start_is_current_and_not_counted(
    stage: Stage, happen: Callable[[Stage], None]
) -> None:
    happen(stage)
    samples = exposed(ResourceMeter(stage.store))
    assert samples
    assert [name for name in samples if "_total" in name] == []


def test_what_exists_at_the_start_is_counted_when_it_goes(stage: Stage) -> None:
    trial = stage.trial()
    meter = ResourceMeter(stage.store)
    stage.set(trial, "Created", "Failed")
    stage.delete_trial(trial)
    assert exposed(meter) == {
        f"katib_trial_failed_total{{{EXPERIMENT}}}": 1,
        f"katib_trial_deleted_total{{{EXPERIMENT}}}": 1,
    }


def test_a_namesake_is_another_experiment(stage: Stage, meter: ResourceMeter) -> None:
    let_go(stage)
    held(stage)
    assert exposed(meter)[f"katib_experiment_created_total{{{EXPERIMENT}}}"] == 2


def test_a_meter_that_is_closed_counts_no_more(stage: Stage, meter: ResourceMeter) -> None:
    stage.trial("a")
    meter.close()
    stage.trial("b")
    assert exposed(meter)[f"katib_trial_created_total{{{EXPERIMENT}}}"] == 1


class Listened(MemoryStore):
    """A store that shows who listens to it."""

    listener: Listener

    def subscribe(self, listener: Listener, since: int | None = None) -> Unsubscribe:
        self.listener = listener
        return super().subscribe(listener, since)


def test_a_resource_is_read_only_when_its_status_was_written() -> None:
    def refuse() -> Resource:
        raise AssertionError("the resource was read")

    store = Listened(FakeClock())
    meter = ResourceMeter(store)
    known = Trial(metadata=ObjectMeta(name="one", namespace="default", uid="uid"))
    store.listener(Event(EventType.ADDED, TRIALS, known.metadata, 1, lambda: known))
    assert len(exposed(meter)) == 1

    store.listener(Event(EventType.MODIFIED, TRIALS, known.metadata, 2, refuse))
    store.listener(Event(EventType.DELETED, TRIALS, known.metadata, 3, refuse))
    store.listener(Event(EventType.ADDED, JOBS, a_job().metadata, 4, refuse, is_status=True))

    assert exposed(meter) == {}
    with pytest.raises(AssertionError, match="the resource was read"):
        store.listener(Event(EventType.MODIFIED, TRIALS, known.metadata, 5, refuse, is_status=True))


# Serving


@pytest.fixture
def address() -> str:
    """A port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize("form", ["{}", ":{}", "127.0.0.1:{}", "localhost:{}"])
def test_numbers_are_served_until_closed(
    stage: Stage, meter: ResourceMeter, address: str, form: str
) -> None:
    close = serve(meter, form.format(address))
    try:
        stage.trial()
        with urlopen(f"http://127.0.0.1:{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        close()

    assert 'katib_trial_created_total{namespace="default"} 1.0\n' in text
    assert 'katib_trials_current{namespace="default",status="Unknown"} 1.0\n' in text
    assert "python_info" not in text
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", int(address)), timeout=10),
    ):
        pass


def test_an_address_that_is_taken_is_a_clear_error(meter: ResourceMeter) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"served at {address}: .*in use; name"):
            serve(meter, address)


ADDRESSES = {
    "8080": ("127.0.0.1", 8080),
    ":8080": ("127.0.0.1", 8080),
    "0.0.0.0:8080": ("0.0.0.0", 8080),
    "[::1]:8080": ("::1", 8080),
    "metrics.local:0": ("metrics.local", 0),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_names_host_and_port(address: str) -> None:
    assert parse_address(address) == ADDRESSES[address]


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", "x:y", "1:70000", "::1:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address for metrics: write host:port"):
        parse_address(address)
