from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from katib.api import names
from katib.errors import AlgorithmUnavailableError
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    add_EarlyStoppingServicer_to_server,
)
from katib.rpc.serving import bearer_token
from katib.suggesters.stopped import LONGEST_REASON, tell_stopped


class Service(EarlyStoppingServicer):
    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.shown: list[str] = []
        self.reasons: list[str | bytes | None] = []

    def SetTrialStatus(
        self, request: pb.SetTrialStatusRequest, context: grpc.ServicerContext
    ) -> pb.SetTrialStatusReply:
        if request.trial_name == "gone":
            context.abort(grpc.StatusCode.UNKNOWN, "Get Trial: gone in namespace: team-a failed")
        self.stopped.append(request.trial_name)
        metadata = context.invocation_metadata()
        self.shown.append(bearer_token(metadata))
        self.reasons.append(dict(metadata).get(names.METADATA_REASON))
        return pb.SetTrialStatusReply()


def test_a_service_hears_which_trial_was_stopped_or_says_why_not() -> None:
    service = Service()
    with ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers)
        add_EarlyStoppingServicer_to_server(service, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        tell_stopped(address, "tune-x1")
        tell_stopped(address, "tune-x2", "token", "süß" * LONGEST_REASON)
        assert service.stopped == ["tune-x1", "tune-x2"]
        assert service.shown == ["", "token"]
        sent = ("süß" * LONGEST_REASON)[:LONGEST_REASON].encode()
        assert service.reasons == [None, sent]
        with pytest.raises(AlgorithmUnavailableError, match="UNKNOWN: Get Trial: gone"):
            tell_stopped(address, "gone")
        server.stop(None).wait()


def test_a_service_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(AlgorithmUnavailableError, match=f"{address} cannot be reached"):
        tell_stopped(address, "tune-x1")
