from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import grpc
import pytest
from msgspec.structs import replace

from katib.api.experiment import EXPERIMENTS, Experiment, Metric, Observation
from katib.api.suggestion import (
    SUGGESTIONS,
    EarlyStoppingRule,
    Suggestion,
    SuggestionSpec,
    TrialAssignment,
)
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, NameValue, ObjectMeta, Strings
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.suggestion.history import StoredHistory
from katib.errors import AlgorithmUnavailableError, KatibError, SettingsError
from katib.ports.early_stopper import EarlyStopper
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    SuggestionServicer,
    add_EarlyStoppingServicer_to_server,
    add_SuggestionServicer_to_server,
)
from katib.stores.memory import MemoryStore
from katib.suggesters.remote import Limits, RemoteEarlyStopper, RemoteSuggester, Service
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock

Code = grpc.StatusCode
KEY = Key("default", "an-experiment")
DB_MANAGER = "katib-db-manager.kubeflow:6789"


@dataclass
class Script:
    """How a service ends its next calls, and how long those had at most, in seconds."""

    ends: list[Code] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def play(self, context: grpc.ServicerContext) -> None:
        remaining: float | None = context.time_remaining()
        assert remaining is not None
        self.times.append(remaining)
        if self.ends and (end := self.ends.pop(0)) is not Code.OK:
            context.abort(end, "lr: too wide")


class Algorithm(SuggestionServicer):
    """Gives ``reply`` and keeps what it was sent."""

    def __init__(self) -> None:
        self.script = Script()
        self.reply = pb.GetSuggestionsReply()
        self.validated: list[pb.Experiment] = []
        self.asked: list[pb.GetSuggestionsRequest] = []
        self.released: Event | None = None

    def GetSuggestions(
        self, request: pb.GetSuggestionsRequest, context: grpc.ServicerContext
    ) -> pb.GetSuggestionsReply:
        self.asked.append(request)
        if self.released is not None:
            assert self.released.wait(30)
        self.script.play(context)
        return self.reply

    def ValidateAlgorithmSettings(
        self, request: pb.ValidateAlgorithmSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateAlgorithmSettingsReply:
        self.validated.append(request.experiment)
        self.script.play(context)
        return pb.ValidateAlgorithmSettingsReply()


class Stopping(EarlyStoppingServicer):
    """Gives ``rules`` and keeps what it was sent."""

    def __init__(self) -> None:
        self.script = Script()
        self.rules: list[pb.EarlyStoppingRule] = []
        self.validated: list[pb.EarlyStoppingSpec] = []
        self.asked: list[pb.GetEarlyStoppingRulesRequest] = []

    def GetEarlyStoppingRules(
        self, request: pb.GetEarlyStoppingRulesRequest, context: grpc.ServicerContext
    ) -> pb.GetEarlyStoppingRulesReply:
        self.asked.append(request)
        self.script.play(context)
        return pb.GetEarlyStoppingRulesReply(early_stopping_rules=self.rules)

    def ValidateEarlyStoppingSettings(
        self, request: pb.ValidateEarlyStoppingSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateEarlyStoppingSettingsReply:
        self.validated.append(request.early_stopping)
        self.script.play(context)
        return pb.ValidateEarlyStoppingSettingsReply()


class _Latest(SuggestionServicer):
    """Passes on to whatever the stage has for an algorithm now."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def GetSuggestions(
        self, request: pb.GetSuggestionsRequest, context: grpc.ServicerContext
    ) -> pb.GetSuggestionsReply:
        return self._stage.algorithm.GetSuggestions(request, context)

    def ValidateAlgorithmSettings(
        self, request: pb.ValidateAlgorithmSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateAlgorithmSettingsReply:
        return self._stage.algorithm.ValidateAlgorithmSettings(request, context)


class Stage:
    """Both services on one port of this machine, and a clock that only pauses move."""

    def __init__(self, port: int = 0) -> None:
        self.algorithm: Algorithm = Algorithm()
        self.stopping = Stopping()
        self.clock = FakeClock()
        self.pauses: list[float] = []
        self._pool = ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        add_SuggestionServicer_to_server(_Latest(self), self._server)
        add_EarlyStoppingServicer_to_server(self.stopping, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown()

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def service(self, limits: Limits | None = None) -> Service:
        return Service(self.address, self.clock, self.pause, limits or Limits())

    def suggester(self, limits: Limits | None = None) -> Suggester:
        return RemoteSuggester(self.service(limits))

    def stopper(self) -> EarlyStopper:
        return RemoteEarlyStopper(self.service(), DB_MANAGER)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.stop()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def experiment() -> Experiment:
    stopped = an_experiment().with_early_stopping("medianstop", start_step="4")
    return stopped.with_algorithm("tpe", seed="1", gamma="0.2").build()


def without_stopping() -> Experiment:
    return an_experiment().build()


@dataclass
class History:
    """The trials of a test; each was written at the version of its place."""

    trials: list[Trial] = field(default_factory=list)

    def changed_since(self, version: int) -> tuple[list[Trial], int]:
        return self.trials[version:], len(self.trials)


def a_request(
    count: int = 2, total: int = 5, trials: list[Trial] | None = None
) -> SuggestionRequest:
    return SuggestionRequest(experiment(), count, total, History(trials or []))


def settings(found: pb.AlgorithmSpec | pb.EarlyStoppingSpec) -> dict[str, str]:
    return {one.name: one.value for one in found.algorithm_settings}


def an_answer(*values: str) -> pb.GetSuggestionsReply:
    return pb.GetSuggestionsReply(
        parameter_assignments=[
            pb.GetSuggestionsReply.ParameterAssignments(
                assignments=[pb.ParameterAssignment(name="lr", value=value)]
            )
            for value in values
        ]
    )


def values(reply: SuggestionReply) -> list[str]:
    return [one.parameter_assignments[0].value for one in reply.assignments]


# Validation: what is sent, how often, how long


@pytest.mark.rule("an algorithm's validation sends the experiment with the settings of its spec")
def test_the_experiment_is_validated(stage: Stage) -> None:
    stage.suggester().validate(experiment())
    (sent,) = stage.algorithm.validated
    assert sent.name == "an-experiment"
    assert sent.spec.algorithm.algorithm_name == "tpe"
    assert settings(sent.spec.algorithm) == {"seed": "1", "gamma": "0.2"}
    assert [one.name for one in sent.spec.parameter_specs.parameters] == ["lr"]


@pytest.mark.rule(
    "an early stopping service's validation sends only the early stopping algorithm and its "
    "settings"
)
def test_early_stopping_is_validated(stage: Stage) -> None:
    stage.stopper().validate(experiment())
    (sent,) = stage.stopping.validated
    assert sent.algorithm_name == "medianstop"
    assert settings(sent) == {"start_step": "4"}
    assert stage.algorithm.validated == []


@pytest.mark.rule(
    "an experiment without early stopping is valid without a call of the early stopping service"
)
def test_no_early_stopping_is_valid(stage: Stage) -> None:
    stage.stopper().validate(without_stopping())
    assert stage.stopping.validated == []


@pytest.mark.rule("a validation waits for a service that is not up yet")
def test_a_validation_waits() -> None:
    clock = FakeClock()
    with ThreadPoolExecutor(1) as pool, socket.socket() as early:
        early.bind(("127.0.0.1", 0))
        early.listen()
        port = early.getsockname()[1]
        service = Service(f"127.0.0.1:{port}", clock, clock.advance, Limits(attempts=1))
        validation = pool.submit(RemoteSuggester(service).validate, experiment())
        # The first connection finds no service, so that the validation has something to wait for.
        connection = early.accept()[0]
        # Closed with a reset, since a connection that lingers would keep the port.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        early.close()
        stage = Stage(port)
        try:
            validation.result(timeout=30)
            assert len(stage.algorithm.validated) == 1
        finally:
            stage.stop()


@pytest.mark.rule(
    "a service that is not up within the whole time of a validation is unavailable, where Katib "
    "took it for valid"
)
def test_a_validation_does_not_wait_for_ever(nobody: str) -> None:
    clock = FakeClock()
    service = Service(nobody, clock, clock.advance, Limits(validation_seconds=0.2))
    with pytest.raises(AlgorithmUnavailableError) as caught:
        RemoteSuggester(service).validate(experiment())
    assert str(caught.value) == (
        f"the algorithm at {nobody} cannot be reached: there was no answer within 0.2 seconds. "
        "It is asked again; see that its service runs and that the address is right"
    )


@pytest.mark.rule("a validation has 60 seconds in all")
def test_a_validation_has_a_minute(stage: Stage) -> None:
    stage.algorithm.script.ends = [Code.UNAVAILABLE] * 5
    stage.suggester().validate(experiment())
    for number, time in enumerate(stage.algorithm.script.times):
        left = 60 - 3 * number
        assert left - 3 < time < left + 1, "what the pauses took is gone"
    assert len(stage.algorithm.script.times) == 6


REPEATED = {
    "a validation that ends with UNAVAILABLE is tried again after 3 seconds": Code.UNAVAILABLE,
    "a validation that ends with RESOURCE_EXHAUSTED is tried again after 3 seconds": (
        Code.RESOURCE_EXHAUSTED
    ),
}


@pytest.mark.parametrize("code", REPEATED.values(), ids=REPEATED)
def test_a_passing_trouble_is_waited_for(stage: Stage, code: grpc.StatusCode) -> None:
    stage.algorithm.script.ends = [code, code, Code.OK]
    stage.suggester().validate(experiment())
    assert len(stage.algorithm.validated) == 3
    assert stage.pauses == [3.0, 3.0]


@pytest.mark.rule("a validation is tried 10 times at most")
def test_attempts_are_limited(stage: Stage) -> None:
    stage.algorithm.script.ends = [Code.UNAVAILABLE] * 11
    with pytest.raises(AlgorithmUnavailableError):
        stage.suggester().validate(experiment())
    assert len(stage.algorithm.validated) == 10
    assert stage.pauses == [3.0] * 9


@pytest.mark.rule("a validation is not tried again when its time would be over by then")
def test_time_is_limited(stage: Stage) -> None:
    stage.algorithm.script.ends = [Code.UNAVAILABLE] * 11
    with pytest.raises(AlgorithmUnavailableError):
        stage.suggester(Limits(validation_seconds=9.0)).validate(experiment())
    assert len(stage.algorithm.validated) == 3
    assert stage.pauses == [3.0, 3.0]


@pytest.mark.rule("a validation that ends with any other code is not tried again")
def test_a_lasting_trouble_is_not_waited_for(stage: Stage) -> None:
    others = set(Code) - {Code.OK, Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED}
    for number, code in enumerate(sorted(others, key=str), start=1):
        stage.algorithm.script.ends = [code]
        if code is Code.UNIMPLEMENTED:
            stage.suggester().validate(experiment())
        else:
            with pytest.raises(KatibError):
                stage.suggester().validate(experiment())
        assert len(stage.algorithm.validated) == number
    assert stage.pauses == []


# Validation: what a code means

Outcome = tuple[grpc.StatusCode, type[KatibError] | None]

ALGORITHM_CODES: dict[str, Outcome] = {
    "an algorithm's validation that ends with OK is passed": (Code.OK, None),
    "an algorithm's validation that ends with INVALID_ARGUMENT is refused as "
    "`ValidateAlgorithmSettings Error` with the service's words": (
        Code.INVALID_ARGUMENT,
        SettingsError,
    ),
    "an algorithm's validation that ends with UNKNOWN is refused as "
    "`ValidateAlgorithmSettings Error` with the service's words": (Code.UNKNOWN, SettingsError),
    "an algorithm's validation that ends with UNAVAILABLE at the last attempt says that the "
    "service cannot be reached, and refuses nothing": (Code.UNAVAILABLE, AlgorithmUnavailableError),
    "an algorithm's validation that ends with UNIMPLEMENTED is passed": (Code.UNIMPLEMENTED, None),
    "an algorithm's validation that ends with DEADLINE_EXCEEDED is an error, where Katib took it "
    "for valid": (Code.DEADLINE_EXCEEDED, KatibError),
    "an algorithm's validation that ends with INTERNAL is refused as `ValidateAlgorithmSettings "
    "Error` with the service's words, where Katib took it for valid": (
        Code.INTERNAL,
        SettingsError,
    ),
    "an algorithm's validation that ends with RESOURCE_EXHAUSTED at the last attempt is an error, "
    "where Katib took it for valid": (Code.RESOURCE_EXHAUSTED, KatibError),
    "an algorithm's validation that ends with PERMISSION_DENIED is an error, where Katib took it "
    "for valid": (Code.PERMISSION_DENIED, KatibError),
}
STOPPING_CODES: dict[str, Outcome] = {
    "an early stopping service's validation that ends with OK is passed": (Code.OK, None),
    "an early stopping service's validation that ends with INVALID_ARGUMENT is refused as "
    "`ValidateEarlyStoppingSettings Error` with the service's words": (
        Code.INVALID_ARGUMENT,
        SettingsError,
    ),
    "an early stopping service's validation that ends with UNKNOWN is refused as "
    "`ValidateEarlyStoppingSettings Error` with the service's words": (Code.UNKNOWN, SettingsError),
    "an early stopping service's validation that ends with UNAVAILABLE at the last attempt says "
    "that the service cannot be reached, and refuses nothing": (
        Code.UNAVAILABLE,
        AlgorithmUnavailableError,
    ),
    "an early stopping service's validation that ends with UNIMPLEMENTED is passed": (
        Code.UNIMPLEMENTED,
        None,
    ),
    "an early stopping service's validation that ends with DEADLINE_EXCEEDED is an error, where "
    "Katib took it for valid": (Code.DEADLINE_EXCEEDED, KatibError),
    "an early stopping service's validation that ends with INTERNAL is refused as "
    "`ValidateEarlyStoppingSettings Error` with the service's words, where Katib took it for "
    "valid": (Code.INTERNAL, SettingsError),
    "an early stopping service's validation that ends with RESOURCE_EXHAUSTED at the last attempt "
    "is an error, where Katib took it for valid": (Code.RESOURCE_EXHAUSTED, KatibError),
    "an early stopping service's validation that ends with PERMISSION_DENIED is an error, where "
    "Katib took it for valid": (Code.PERMISSION_DENIED, KatibError),
}


def words(stage: Stage, method: str, code: grpc.StatusCode, error: type[KatibError]) -> str:
    if error is SettingsError:
        return f"{method} Error: lr: too wide"
    if error is AlgorithmUnavailableError:
        return (
            f"the algorithm at {stage.address} cannot be reached: lr: too wide. It is asked again; "
            "see that its service runs and that the address is right"
        )
    return (
        f"{method} at {stage.address} ended with {code.name}: lr: too wide. The log of that "
        "service says more"
    )


def check_outcome(
    stage: Stage, script: Script, validate: Callable[[Experiment], None], outcome: Outcome
) -> str | None:
    """Let every attempt end with the code; the message of the error, if there is one."""
    code, expected = outcome
    script.ends = [code] * 10
    if expected is None:
        validate(experiment())
        return None
    with pytest.raises(expected) as caught:
        validate(experiment())
    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    return str(caught.value)


@pytest.mark.parametrize("outcome", ALGORITHM_CODES.values(), ids=ALGORITHM_CODES)
def test_what_a_code_of_an_algorithm_means(stage: Stage, outcome: Outcome) -> None:
    said = check_outcome(stage, stage.algorithm.script, stage.suggester().validate, outcome)
    code, error = outcome
    assert said == (error and words(stage, "ValidateAlgorithmSettings", code, error))
    assert stage.algorithm.validated


@pytest.mark.parametrize("outcome", STOPPING_CODES.values(), ids=STOPPING_CODES)
def test_what_a_code_of_early_stopping_means(stage: Stage, outcome: Outcome) -> None:
    said = check_outcome(stage, stage.stopping.script, stage.stopper().validate, outcome)
    code, error = outcome
    assert said == (error and words(stage, "ValidateEarlyStoppingSettings", code, error))
    assert stage.stopping.validated


# Asking for assignments


class Kept:
    """A store with a suggestion, whose controller asks the service."""

    def __init__(self, stage: Stage) -> None:
        self.store = MemoryStore(stage.clock)
        self.experiment = self.store.create(EXPERIMENTS, experiment())
        spec = SuggestionSpec(requests=1)
        metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
        self.store.create(SUGGESTIONS, Suggestion(metadata=metadata, spec=spec))
        self.reconciler = SuggestionReconciler(self.store, stage.suggester(), stage.clock)

    def request(self, total: int) -> Suggestion:
        """What there is after that many were asked for in all."""
        suggestion = self.store.get(SUGGESTIONS, KEY)
        spec = replace(suggestion.spec, requests=total)
        self.store.update(SUGGESTIONS, replace(suggestion, spec=spec))
        self.reconciler.reconcile(KEY)
        return self.store.get(SUGGESTIONS, KEY)


def changed(**values: str) -> pb.AlgorithmSpec:
    pairs = [pb.AlgorithmSetting(name=name, value=value) for name, value in values.items()]
    return pb.AlgorithmSpec(algorithm_settings=pairs)


@pytest.mark.rule(
    "an ask sends the experiment with the settings that the algorithm returned earlier over those "
    "of its spec"
)
def test_returned_settings_come_back(stage: Stage) -> None:
    kept = Kept(stage)
    stage.algorithm.reply = an_answer("1")
    stage.algorithm.reply.algorithm.CopyFrom(changed(gamma="0.9", bracket="2"))
    kept.request(1)
    kept.request(2)
    first, second = stage.algorithm.asked
    assert settings(first.experiment.spec.algorithm) == {"seed": "1", "gamma": "0.2"}
    assert settings(second.experiment.spec.algorithm) == {
        "seed": "1",
        "gamma": "0.9",
        "bracket": "2",
    }
    assert second.experiment.spec.algorithm.algorithm_name == "tpe"


@pytest.mark.rule(
    "settings in an answer are remembered: a value in place of the old one, new names after the "
    "others"
)
def test_settings_are_merged(stage: Stage) -> None:
    kept = Kept(stage)
    stage.algorithm.reply = an_answer("1")
    stage.algorithm.reply.algorithm.CopyFrom(changed(rung="1", bracket="2"))
    kept.request(1)
    stage.algorithm.reply.algorithm.CopyFrom(changed(resource="9", rung="3"))
    status = kept.request(2).status
    found = [(one.name, one.value) for one in status.algorithm_settings]
    assert found == [("rung", "3"), ("bracket", "2"), ("resource", "9")]


@pytest.mark.rule("an ask sends how many assignments are wanted now and how many in all")
def test_the_numbers_are_sent(stage: Stage) -> None:
    stage.suggester().suggest(a_request(count=2, total=7))
    (sent,) = stage.algorithm.asked
    assert (sent.current_request_number, sent.total_request_number) == (2, 7)


@pytest.mark.rule("an ask has 10 minutes for its answer, where Katib gave it one")
def test_an_ask_has_time(stage: Stage) -> None:
    stage.suggester().suggest(a_request())
    (time,) = stage.algorithm.script.times
    # On the wire a deadline is rounded up, to the next second at most.
    assert 570 < time <= 601


@pytest.mark.rule("an ask that takes longer than it may is an error")
def test_an_ask_may_take_too_long(stage: Stage) -> None:
    stage.algorithm.released = Event()
    with pytest.raises(KatibError, match=r"^GetSuggestions at .* ended with DEADLINE_EXCEEDED"):
        stage.suggester(Limits(ask_seconds=0.2)).suggest(a_request())
    stage.algorithm.released.set()


@pytest.mark.rule(
    "an ask does not wait for a service that is not up and says that it cannot be reached"
)
def test_an_ask_does_not_wait(nobody: str) -> None:
    clock = FakeClock()
    service = Service(nobody, clock, clock.advance)
    with pytest.raises(AlgorithmUnavailableError, match=f"^the algorithm at {nobody} cannot be"):
        RemoteSuggester(service).suggest(a_request())
    assert clock.monotonic() == 0


@pytest.mark.rule(
    "an ask that ends with UNAVAILABLE says that the service cannot be reached and is not repeated"
)
def test_an_unavailable_algorithm_is_not_asked_twice(stage: Stage) -> None:
    stage.algorithm.script.ends = [Code.UNAVAILABLE]
    with pytest.raises(AlgorithmUnavailableError) as caught:
        stage.suggester().suggest(a_request())
    assert caught.value.address == stage.address
    assert (len(stage.algorithm.asked), stage.pauses) == (1, [])


@pytest.mark.rule(
    "an ask that ends with any other code is an error that names the code and is not repeated"
)
def test_a_failing_algorithm_is_not_asked_twice(stage: Stage) -> None:
    others = sorted(set(Code) - {Code.OK, Code.UNAVAILABLE}, key=str)
    for number, code in enumerate(others, start=1):
        stage.algorithm.script.ends = [code]
        with pytest.raises(KatibError) as caught:
            stage.suggester().suggest(a_request())
        assert not isinstance(caught.value, AlgorithmUnavailableError)
        assert str(caught.value) == words(stage, "GetSuggestions", code, KatibError)
        assert len(stage.algorithm.asked) == number
    assert stage.pauses == []


# The answer to an ask


@pytest.mark.rule(
    "an assignment has the parameters, the labels and the trial name that the service gave"
)
def test_an_assignment_is_whole(stage: Stage) -> None:
    one = pb.GetSuggestionsReply.ParameterAssignments(
        assignments=[
            pb.ParameterAssignment(name="units", value="32"),
            pb.ParameterAssignment(name="lr", value="0.010"),
        ],
        trial_name="gen-1",
        labels={"pbt.suggestion.katib.kubeflow.org/generation": "1"},
    )
    stage.algorithm.reply = pb.GetSuggestionsReply(parameter_assignments=[one])
    (found,) = stage.suggester().suggest(a_request()).assignments
    assert found.name == "gen-1"
    assert [(pair.name, pair.value) for pair in found.parameter_assignments] == [
        ("units", "32"),
        ("lr", "0.010"),
    ]
    assert found.labels == Strings({"pbt.suggestion.katib.kubeflow.org/generation": "1"})
    assert found.early_stopping_rules == ()


@pytest.mark.rule("an assignment without a trial name leaves the name to the caller")
def test_an_assignment_may_be_nameless(stage: Stage) -> None:
    stage.algorithm.reply = an_answer("1")
    (found,) = stage.suggester().suggest(a_request()).assignments
    assert (found.name, found.labels) == ("", None)


@pytest.mark.rule("rules in the answer of an algorithm are ignored")
def test_rules_of_an_algorithm_are_ignored(stage: Stage) -> None:
    stage.algorithm.reply = an_answer("1")
    plain = stage.suggester().suggest(a_request())
    stage.algorithm.reply.early_stopping_rules.add(name="loss", value="1")
    assert stage.suggester().suggest(a_request()) == plain


ANSWERS = {
    "an answer with as many assignments as asked for is given as it came": (["1", "2"], 2, False),
    "an answer with too many assignments is cut to what was asked for, with a warning, where Katib "
    "failed": (["1", "2", "3", "4"], 2, True),
    "an answer with too few assignments is given as it came, where Katib failed": (["1"], 1, False),
    "an answer without assignments is given as it came, where Katib failed": ([], 0, False),
}


@pytest.mark.parametrize(("given", "taken", "is_warned"), ANSWERS.values(), ids=ANSWERS)
def test_how_many_are_taken(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    given: list[str],
    taken: int,
    is_warned: bool,
) -> None:
    stage.algorithm.reply = an_answer(*given)
    stage.algorithm.reply.algorithm.CopyFrom(changed(rung="1"))
    reply = stage.suggester().suggest(a_request(count=2))
    assert values(reply) == given[:taken]
    assert reply.settings == (NameValue(name="rung", value="1"),)
    assert not reply.is_exhausted
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    expected = (
        f"The algorithm at {stage.address} gave 4 assignments, 4 of them different, where 2 were "
        "asked for; the rest is dropped"
    )
    assert warnings == ([expected] if is_warned else [])


@pytest.mark.rule(
    "of assignments in an answer that are the same in all, one is taken and the rest asked for "
    "again, where Katib ran them all"
)
def test_what_is_given_twice_is_taken_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.algorithm.reply = an_answer("1", "1", "2", "1")
    assert values(stage.suggester().suggest(a_request(count=4))) == ["1", "2"]
    assert "gave 4 assignments, 2 of them different, where 4 were asked for" in caplog.text
    stage.algorithm.reply.parameter_assignments[1].labels["parent"] = "a"
    assert values(stage.suggester().suggest(a_request(count=4))) == ["1", "1", "2"]


# A service that was restarted


FORGOTTEN = {
    "a service that no longer knows a trial after its restart is asked again without the trials of "
    "before, and that is said (optuna's words)": (
        Code.INTERNAL,
        "An unknown trial has been passed in the GetSuggestion request.",
    ),
    "a service that no longer knows a trial after its restart is asked again without the trials of "
    "before, and that is said (goptuna's words)": (
        Code.INTERNAL,
        "Failed to create goptuna study and search space: Same parameter is not found for Trial: "
        "{an-experiment-1}",
    ),
    "a service that no longer knows a trial after its restart is asked again without the trials of "
    "before, and that is said (as an exception)": (
        Code.UNKNOWN,
        "Exception calling application: An unknown trial has been passed in the GetSuggestion "
        "request.",
    ),
}


class Forgetful(Algorithm):
    """Knows only the trials that it has suggested since its start, as Katib's services do."""

    def __init__(self, code: grpc.StatusCode, words: str) -> None:
        super().__init__()
        self.code, self.words = code, words
        self.known: set[str] = set()

    def GetSuggestions(
        self, request: pb.GetSuggestionsRequest, context: grpc.ServicerContext
    ) -> pb.GetSuggestionsReply:
        self.asked.append(request)
        if not {one.name for one in request.trials} <= self.known:
            context.abort(self.code, self.words)
        return an_answer("1")


@pytest.mark.parametrize(("code", "words"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_service_that_lost_its_memory_goes_on(
    stage: Stage, code: grpc.StatusCode, words: str
) -> None:
    service = Forgetful(code, words)
    stage.algorithm = service
    suggester = stage.suggester()
    old = [a_trial("a", "Running", "Succeeded", loss=loss()), a_trial("b", "Running")]
    reply = suggester.suggest(a_request(count=1, trials=old))
    assert values(reply) == ["1"]
    assert reply.trouble is not None
    assert reply.trouble.reason == "HistoryForgotten"
    assert "has forgotten 2 trials; it goes on without them" in reply.trouble.message
    service.known.add("c")
    suggester.suggest(a_request(count=1, trials=[*old, a_trial("c", "Running")]))
    assert [[one.name for one in asked.trials] for asked in service.asked] == [
        ["a", "b"],
        [],
        ["c"],
    ]
    suggester.forget(experiment())
    service.known.clear()
    service.words = "something else"
    with pytest.raises(KatibError, match="something else"):
        suggester.suggest(a_request(count=1, trials=old))


# Which trials are sent


def a_trial(name: str, *conditions: str, loss: Metric | None = None) -> Trial:
    """A trial whose conditions came in that order; the last one is true."""
    running = a_running_trial(experiment(), name, TrialAssignment())
    return replace(
        running,
        status=replace(
            running.status,
            conditions=tuple(
                Condition(type=type, status="True" if type == conditions[-1] else "False")
                for type in conditions
            ),
            observation=None if loss is None else Observation(metrics=(loss,)),
        ),
    )


def loss(**values: str) -> Metric:
    return replace(Metric(name="loss", min="1", max="3", latest="2"), **values)


def test_what_is_not_finite_is_sent_as_a_penalty_if_the_experiment_says_so(stage: Stage) -> None:
    old = experiment()
    objective = old.spec.objective
    assert objective is not None
    fresh = replace(objective, non_finite="penalise")
    penalising = replace(old, spec=replace(old.spec, objective=fresh))
    trials = [
        a_trial("a", "Succeeded", loss=loss(min="1")),
        a_trial("b", "Succeeded", loss=loss(min="4")),
        a_trial("c", "Succeeded", loss=loss(min="inf", max="inf", latest="inf")),
    ]
    for asking, expected in ((old, "inf"), (penalising, "7.0")):
        stage.suggester().suggest(SuggestionRequest(asking, 1, 5, History(trials)))
        sent = stage.algorithm.asked[-1].trials
        values = [one.status.observation.metrics[0].value for one in sent]
        assert values == ["1", "4", expected]


def sent_trials(stage: Stage, kept: Kept) -> list[tuple[str, str]]:
    """The names and states of the trials that the newest ask sent."""
    request = SuggestionRequest(kept.experiment, 1, 1, StoredHistory(kept.store, KEY))
    stage.suggester().suggest(request)
    found = stage.algorithm.asked[-1].trials
    state = pb.TrialStatus.TrialConditionType
    return [(one.name, state.Name(one.status.condition)) for one in found]


LOST = loss(min="unavailable", max="unavailable", latest="unavailable")
SEEN: dict[str, tuple[list[Trial], list[tuple[str, str]]]] = {
    "running, failed and killed trials are sent as such": (
        [
            a_trial("a", "Created", "Running"),
            a_trial("b", "Running", "Failed"),
            a_trial("c", "Running", "Killed"),
        ],
        [("a", "RUNNING"), ("b", "FAILED"), ("c", "KILLED")],
    ),
    "a trial that lost its metrics is not sent": (
        [
            a_trial("a", "Running", "MetricsUnavailable", loss=LOST),
            a_trial("b", "Running", "Succeeded", loss=loss()),
        ],
        [("b", "SUCCEEDED")],
    ),
    "an early-stopped trial without an observation is not sent": (
        [
            a_trial("a", "Running", "EarlyStopped"),
            a_trial("b", "Running", "EarlyStopped", loss=LOST),
            a_trial("c", "Created"),
        ],
        [("c", "CREATED")],
    ),
    "an early-stopped trial with an observation is sent as EARLYSTOPPED": (
        [a_trial("a", "Running", "EarlyStopped", loss=loss())],
        [("a", "EARLYSTOPPED")],
    ),
}


@pytest.mark.parametrize(("trials", "expected"), SEEN.values(), ids=SEEN)
def test_which_trials_are_sent(
    stage: Stage, trials: list[Trial], expected: list[tuple[str, str]]
) -> None:
    kept = Kept(stage)
    for trial in trials:
        kept.store.create(TRIALS, trial)
    assert sent_trials(stage, kept) == expected


@pytest.mark.rule("a trial that was sent once and has lost its metrics since is not sent again")
def test_a_trial_may_lose_its_metrics(stage: Stage) -> None:
    kept = Kept(stage)
    running = kept.store.create(TRIALS, a_trial("a", "Running"))
    assert sent_trials(stage, kept) == [("a", "RUNNING")]
    lost = a_trial("a", "Running", "MetricsUnavailable", loss=LOST)
    kept.store.update_status(TRIALS, replace(running, status=lost.status))
    assert sent_trials(stage, kept) == []


@pytest.mark.rule("every ask sends all trials")
def test_all_trials_are_sent_each_time(stage: Stage) -> None:
    suggester = stage.suggester()
    request = a_request(trials=[a_trial("a", "Running"), a_trial("b", "Running")])
    suggester.suggest(request)
    suggester.suggest(request)
    first, second = stage.algorithm.asked
    assert [one.name for one in first.trials] == ["a", "b"]
    assert second == first


@pytest.mark.rule("a client that has just started sends all trials")
def test_a_restart_forgets_nothing(stage: Stage) -> None:
    request = a_request(trials=[a_trial("a", "Running"), a_trial("b", "Running")])
    before = stage.suggester()
    before.suggest(request)
    before.forget(request.experiment)
    stage.suggester().suggest(request)
    first, second = stage.algorithm.asked
    assert len(second.trials) == 2
    assert second == first


STRATEGIES = {
    "the strategy `min` with an unavailable least value sends the latest one": (
        "minimize",
        loss(min="unavailable"),
    ),
    "the strategy `max` with an unavailable greatest value sends the latest one": (
        "maximize",
        loss(max="unavailable"),
    ),
}


@pytest.mark.parametrize(("direction", "loss"), STRATEGIES.values(), ids=STRATEGIES)
def test_the_latest_value_stands_in(stage: Stage, direction: str, loss: Metric) -> None:
    objective = an_experiment().with_objective(type=direction).build().spec.objective
    trial = a_trial("a", "Running", "Succeeded", loss=loss)
    judged = replace(trial, spec=replace(trial.spec, objective=objective))
    stage.suggester().suggest(a_request(trials=[judged]))
    (sent,) = stage.algorithm.asked[0].trials
    assert [(one.name, one.value) for one in sent.status.observation.metrics] == [("loss", "2")]


# Early stopping rules


@pytest.mark.rule(
    "rules are asked for with the experiment, the same trials and the address of the observation "
    "log's service"
)
def test_rules_are_asked_for(stage: Stage) -> None:
    request = a_request(trials=[a_trial("a", "Running", "Succeeded", loss=loss())])
    stage.suggester().suggest(request)
    stage.stopper().rules(request)
    (ask,), (sent,) = stage.algorithm.asked, stage.stopping.asked
    assert sent.experiment == ask.experiment
    assert settings(sent.experiment.spec.early_stopping) == {"start_step": "4"}
    assert [one.name for one in sent.trials] == ["a"]
    assert list(sent.trials) == list(ask.trials)
    assert sent.db_manager_address == DB_MANAGER


@pytest.mark.rule("all rules of an early stopping service are given, in order")
def test_all_rules_are_given(stage: Stage) -> None:
    stage.stopping.rules = [
        pb.EarlyStoppingRule(name="loss", value="0.5", comparison=pb.GREATER, start_step=4),
        pb.EarlyStoppingRule(name="accuracy", value="0.1", comparison=pb.LESS),
    ]
    assert stage.stopper().rules(a_request()) == (
        EarlyStoppingRule(name="loss", value="0.5", comparison="greater", start_step=4),
        EarlyStoppingRule(name="accuracy", value="0.1", comparison="less"),
    )


@pytest.mark.rule("a rule without a comparison compares for equality")
def test_a_rule_may_not_say_how_to_compare(stage: Stage) -> None:
    stage.stopping.rules = [pb.EarlyStoppingRule(name="epoch", value="3")]
    (rule,) = stage.stopper().rules(a_request())
    assert rule.comparison == "equal"


@pytest.mark.rule("an early stopping service that fails is an error that names the code")
def test_early_stopping_may_fail(stage: Stage) -> None:
    stage.stopping.script.ends = [Code.INTERNAL]
    with pytest.raises(KatibError) as caught:
        stage.stopper().rules(a_request())
    assert type(caught.value) is KatibError
    assert str(caught.value) == words(stage, "GetEarlyStoppingRules", Code.INTERNAL, KatibError)
    assert len(stage.stopping.asked) == 1


@pytest.mark.rule("an early stopping service that is not up cannot be reached")
def test_early_stopping_may_not_be_up(nobody: str) -> None:
    clock = FakeClock()
    stopper = RemoteEarlyStopper(Service(nobody, clock, clock.advance), DB_MANAGER)
    with pytest.raises(AlgorithmUnavailableError, match=f"at {nobody} cannot be reached"):
        stopper.rules(a_request())


@pytest.mark.rule(
    "an experiment without early stopping gets no rules and the service is not called"
)
def test_no_early_stopping_has_no_rules(stage: Stage) -> None:
    stage.stopping.rules = [pb.EarlyStoppingRule(name="loss", value="1")]
    request = SuggestionRequest(without_stopping(), 1, 1, History())
    assert stage.stopper().rules(request) == ()
    assert stage.stopping.asked == []
