"""Our algorithms behind gRPC, and what a client of Katib sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from katib.api.experiment import Experiment, Metric, Observation
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, NameValue, ObjectMeta
from katib.ports.suggester import Suggester
from katib.rpc.experiments import write_experiment
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import SuggestionStub
from katib.rpc.suggestion import serve
from katib.rpc.suggestions import read_reply
from katib.rpc.trials import write_trial
from katib.suggesters.in_process import InProcessSuggester
from katib.testing.builders import ExperimentBuilder, an_experiment

#: An assignment as names and texts.
Point = dict[str, str]


@dataclass(frozen=True)
class Refusal:
    """How a call ended."""

    code: grpc.StatusCode
    details: str


class Service:
    """A service in this process, and a client of it."""

    def __init__(self, suggester: Suggester | None = None, algorithms: Sequence[str] = ()) -> None:
        self.server = serve(suggester or InProcessSuggester(), "127.0.0.1:0", algorithms)
        self.address = f"127.0.0.1:{self.server.port}"
        self.channel = grpc.insecure_channel(self.address)
        self.client = SuggestionStub(self.channel)

    def ask(
        self, experiment: Experiment, count: int, total: int, trials: Sequence[Trial] = ()
    ) -> list[Point]:
        return [point_of(one) for one in self.ask_whole(experiment, count, total, trials)]

    def ask_whole(
        self, experiment: Experiment, count: int, total: int, trials: Sequence[Trial] = ()
    ) -> Sequence[TrialAssignment]:
        """The answer, with names and labels."""
        request = pb.GetSuggestionsRequest(
            experiment=write_experiment(experiment),
            trials=map(write_trial, trials),
            current_request_number=count,
            total_request_number=total,
        )
        return read_reply(self.client.GetSuggestions(request)).assignments

    def validate(self, experiment: Experiment) -> Refusal | None:
        request = pb.ValidateAlgorithmSettingsRequest(experiment=write_experiment(experiment))
        try:
            self.client.ValidateAlgorithmSettings(request)
        except grpc.RpcError as error:
            return Refusal(error.code(), error.details() or "")
        return None

    def close(self) -> None:
        self.channel.close()
        self.server.close()


def point_of(assignment: TrialAssignment) -> Point:
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def a_trial(
    experiment: Experiment, name: str, point: Point, value: str = "", state: str = ""
) -> Trial:
    """A trial of a point: ``Succeeded`` with its value, or in a state of its own."""
    metric = Metric(name="loss", min=value, max=value, latest=value)
    kind = state or ("Succeeded" if value else "Running")
    assignments = tuple(NameValue(name=key, value=text) for key, text in point.items())
    return Trial(
        metadata=ObjectMeta(name=name),
        spec=TrialSpec(objective=experiment.spec.objective, parameter_assignments=assignments),
        status=TrialStatus(
            conditions=(Condition(type=kind, status="True"),) if kind != "none" else (),
            observation=Observation(metrics=(metric,)) if value else None,
        ),
    )


def searched(name: str, builder: ExperimentBuilder | None = None, **settings: str) -> Experiment:
    """An experiment searched by that algorithm; of one double, if nothing else is said."""
    return (builder or an_experiment()).with_algorithm(name, **settings).build()
