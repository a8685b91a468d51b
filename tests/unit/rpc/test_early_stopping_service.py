from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import grpc
import pytest
from msgspec.structs import replace
from served_algorithms import Refusal, a_trial

from katib.api import names
from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.api.values import Key, NameValue
from katib.apps.early_stopping import serve_early_stopping
from katib.apps.grpc_service import GrpcService
from katib.errors import SettingsError, UnknownNameError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.ports.suggester import SuggestionRequest
from katib.rpc import db_manager
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import EarlyStoppingStub
from katib.rpc.serving import Server
from katib.suggesters.remote import RemoteEarlyStopper
from katib.suggesters.remote import Service as Address
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

Code = grpc.StatusCode


def a_judged_experiment(name: str = "judged", **settings: str) -> Experiment:
    algorithm = AlgorithmSpec(
        algorithm_name="medianstop",
        algorithm_settings=tuple(NameValue(name=key, value=one) for key, one in settings.items()),
    )
    experiment = an_experiment().named(name).build()
    return replace(experiment, spec=replace(experiment.spec, early_stopping=algorithm))


class Told:
    """A history of these trials."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = trials

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return self.trials, 1


class Stage:
    """The service, a database manager, and the operator's client of the service."""

    def __init__(self) -> None:
        self.log = MemoryObservationLog()
        self.manager: Server = db_manager.serve(self.log, lambda name: Key("", name), "127.0.0.1:0")
        self.service: GrpcService = serve_early_stopping("127.0.0.1:0", ["medianstop"])
        self.address = f"127.0.0.1:{self.manager.port}"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.service.port}")
        self.client = EarlyStoppingStub(self.channel)

    @property
    def stopper(self) -> RemoteEarlyStopper:
        place = Address(f"127.0.0.1:{self.service.port}", FakeClock())
        return RemoteEarlyStopper(place, self.address)

    def ends(self, experiment: Experiment, name: str, *values: str) -> Trial:
        """A trial that has succeeded after these reports."""
        time = datetime(2026, 1, 1, tzinfo=UTC)
        entries = [MetricEntry(time, "loss", value) for value in values]
        self.log.report(Key("", name), entries)
        return a_trial(experiment, name, {"x": "1"}, values[-1])

    def rules(
        self, experiment: Experiment, trials: Sequence[Trial]
    ) -> tuple[EarlyStoppingRule, ...]:
        return self.stopper.rules(SuggestionRequest(experiment, 1, 1, Told(trials)))

    def close(self) -> None:
        self.channel.close()
        self.service.stop()
        self.service.run(lambda: None)
        self.manager.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def test_rules_are_made_of_the_logs_of_the_database_manager(stage: Stage) -> None:
    experiment = a_judged_experiment(min_trials_required="2", start_step="2")
    first = stage.ends(experiment, "first", "1", "3")
    assert stage.rules(experiment, [first]) == ()
    second = stage.ends(experiment, "second", "5", "7")
    (rule,) = stage.rules(experiment, [first, second])
    assert (rule.name, rule.value, rule.comparison, rule.start_step) == (
        "loss",
        "4.0",
        "greater",
        2,
    )


def test_a_request_that_lacks_trials_told_before_begins_anew(stage: Stage) -> None:
    """Another experiment of the same name has its own trials."""
    experiment = a_judged_experiment(min_trials_required="1", start_step="1")
    (rule,) = stage.rules(experiment, [stage.ends(experiment, "old", "1")])
    assert rule.value == "1.0"
    (rule,) = stage.rules(experiment, [stage.ends(experiment, "new", "9")])
    assert rule.value == "9.0"


def test_a_database_manager_that_is_away_is_told(stage: Stage) -> None:
    experiment = a_judged_experiment(min_trials_required="1", start_step="1")
    trial = stage.ends(experiment, "first", "1")
    stage.manager.close()
    with pytest.raises(grpc.RpcError) as refusal:
        stage.client.GetEarlyStoppingRules(
            pb.GetEarlyStoppingRulesRequest(
                experiment=pb.Experiment(
                    name="judged",
                    spec=pb.ExperimentSpec(
                        early_stopping=pb.EarlyStoppingSpec(
                            algorithm_name="medianstop",
                            algorithm_settings=[
                                pb.EarlyStoppingSetting(name="min_trials_required", value="1")
                            ],
                        ),
                    ),
                ),
                trials=[
                    pb.Trial(
                        name=trial.metadata.name,
                        status=pb.TrialStatus(condition=pb.TrialStatus.SUCCEEDED),
                    )
                ],
                db_manager_address=stage.address,
            )
        )
    assert refusal.value.code() is Code.UNAVAILABLE


def test_settings_are_checked(stage: Stage) -> None:
    stage.stopper.validate(a_judged_experiment(start_step="2"))
    with pytest.raises(SettingsError, match="start_step must be greater or equal than one"):
        stage.stopper.validate(a_judged_experiment(start_step="0"))


@pytest.mark.parametrize("name", ["threshold", "unheard-of"])
def test_what_is_not_served_is_refused(stage: Stage, name: str) -> None:
    experiment = a_judged_experiment()
    other = AlgorithmSpec(algorithm_name=name)
    experiment = replace(experiment, spec=replace(experiment.spec, early_stopping=other))
    with pytest.raises(SettingsError, match=f"unknown algorithm name {name}"):
        stage.stopper.validate(experiment)


def test_it_writes_no_trials(stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stage.client.SetTrialStatus(pb.SetTrialStatusRequest(trial_name="first"))
    refusal = Refusal(error.value.code(), error.value.details() or "")
    assert refusal.code is Code.UNIMPLEMENTED
    assert "tell the operator" in refusal.details


def test_a_name_that_does_not_exist_is_no_service() -> None:
    with pytest.raises(UnknownNameError, match='did you mean "medianstop"'):
        serve_early_stopping("127.0.0.1:0", ["medianstopp"])


def test_the_direction_counts(stage: Stage) -> None:
    experiment = a_judged_experiment(min_trials_required="1", start_step="1")
    objective = experiment.spec.objective
    assert objective is not None
    turned = replace(objective, type=names.MAXIMIZE)
    experiment = replace(experiment, spec=replace(experiment.spec, objective=turned))
    (rule,) = stage.rules(experiment, [stage.ends(experiment, "first", "1")])
    assert rule.comparison == "less"
