from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from katib.api import names
from katib.api.values import Key
from katib.errors import AlgorithmUnavailableError, NotFoundError, StoreAwayError, TokenRefusedError
from katib.rpc import light
from katib.rpc.serving import Server
from katib.rpc.trial_status import LONGEST_REASON, TrialStatuses, serve_trial_statuses
from katib.suggesters.stopped import tell_stopped

KEY = Key("team-a", "tune-x1")


class Stage:
    """Knows one token and one trial."""

    def __init__(self) -> None:
        self.stopped: list[tuple[Key, str]] = []
        self.problem: Exception | None = None
        self.server: Server = serve_trial_statuses(
            TrialStatuses(self.find_caller, self.stop), "127.0.0.1:0"
        )

    def find_caller(self, token: str) -> Key:
        if token != "right":
            raise TokenRefusedError
        return KEY

    def stop(self, key: Key, why: str) -> None:
        if self.problem is not None:
            raise self.problem
        self.stopped.append((key, why))

    def tell(self, trial: str = KEY.name, token: str = "right", reason: str = "") -> None:
        tell_stopped(f"127.0.0.1:{self.server.port}", trial, token, reason)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.server.close()


def test_a_trial_says_that_it_was_stopped(stage: Stage) -> None:
    stage.tell()
    stage.tell(reason="loss=4.1 > 3.9 from step 4 on, größer")
    assert stage.stopped == [(KEY, ""), (KEY, "loss=4.1 > 3.9 from step 4 on, größer")]


def test_a_reason_is_no_longer_than_a_condition_may_be(stage: Stage) -> None:
    metadata = (
        ("authorization", "Bearer right"),
        (names.METADATA_REASON, b"\xff" + b"x" * 2 * LONGEST_REASON),
    )
    with grpc.insecure_channel(f"127.0.0.1:{stage.server.port}") as channel:
        call = light.method(channel, light.SET_TRIAL_STATUS)
        call(light.write_texts(KEY.name), timeout=60, metadata=metadata)
    ((_, why),) = stage.stopped
    assert why == "\ufffd" + "x" * (LONGEST_REASON - 1)


@pytest.mark.parametrize("token", ["", "wrong"])
def test_nobody_else_can(stage: Stage, token: str) -> None:
    with pytest.raises(AlgorithmUnavailableError, match="UNAUTHENTICATED: the token is that of no"):
        stage.tell(token=token)
    assert stage.stopped == []


def test_a_trial_cannot_say_so_of_another(stage: Stage) -> None:
    with pytest.raises(AlgorithmUnavailableError) as refused:
        stage.tell("tune-x2")
    assert (
        "PERMISSION_DENIED: trial team-a/tune-x1 can say of itself that it was stopped, not of "
        '"tune-x2"'
    ) in str(refused.value)
    assert stage.stopped == []


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (NotFoundError("Trial", *KEY), "NOT_FOUND"),
        (StoreAwayError("/apis", "connection refused"), "UNAVAILABLE"),
    ],
)
def test_what_went_wrong_is_told(stage: Stage, problem: Exception, code: str) -> None:
    stage.problem = problem
    with pytest.raises(AlgorithmUnavailableError, match=code):
        stage.tell()


def test_other_methods_are_not_served_here(stage: Stage) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stage.server.port}") as channel:
        call = light.method(channel, "/api.v1.beta1.EarlyStopping/GetEarlyStoppingRules")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
