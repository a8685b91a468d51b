"""The one call of an early stopping service that collectors make: a trial was stopped.

Katib lets the service beside each algorithm write the trial's status. Here the operator does it, so
that nothing beside it needs the right to, and only the trial itself can say so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio

from katib.api import names
from katib.api.values import Key
from katib.errors import KatibError, NotFoundError
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    add_EarlyStoppingServicer_to_server,
)
from katib.rpc.refusals import Refusal, refusals
from katib.rpc.serving import Access, Listener, Server, bearer_token, health_of, start

EARLY_STOPPING = "api.v1.beta1.EarlyStopping"

#: How many calls are answered at once; others wait.
WORKERS = 8

#: What of a reason becomes part of a trial's condition at most, in characters.
LONGEST_REASON = 1_000


class TrialStatuses(EarlyStoppingServicer):
    """Takes the word of collectors that they have stopped their trials.

    Args:
        find_caller: whose token this is; a :class:`TokenRefusedError` says nobody's.
        stop: gives the trial its condition, unless it has ended otherwise; and why it was stopped,
            as far as the collector says.
    """

    def __init__(
        self, find_caller: Callable[[str], Key], stop: Callable[[Key, str], object]
    ) -> None:
        self._find_caller, self._stop = find_caller, stop

    def SetTrialStatus(
        self, request: pb.SetTrialStatusRequest, context: grpc.ServicerContext
    ) -> pb.SetTrialStatusReply:
        """Mark the trial that calls as stopped early; again does no harm."""
        with refusals(context):
            caller = self._find_caller(bearer_token(context.invocation_metadata()))
            if caller.name != request.trial_name:
                raise Refusal(
                    grpc.StatusCode.PERMISSION_DENIED,
                    f'trial {caller} can say of itself that it was stopped, not of "'
                    f'{request.trial_name}"',
                )
            self._mark(caller, _reason(context))
        return pb.SetTrialStatusReply()

    def _mark(self, trial: Key, reason: str) -> None:
        try:
            self._stop(trial, reason)
        except NotFoundError as error:
            raise Refusal(grpc.StatusCode.NOT_FOUND, str(error)) from error
        except KatibError as error:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, str(error)) from error


def _reason(context: grpc.ServicerContext) -> str:
    """Why the trial was stopped; empty when the collector does not say, as Katib's do not."""
    for name, value in context.invocation_metadata() or ():
        if name == names.METADATA_REASON and isinstance(value, bytes):
            return value.decode("utf-8", "replace")[:LONGEST_REASON]
    return ""


def serve_trial_statuses(statuses: TrialStatuses, address: str) -> Server:
    """Serve collectors in threads, from now on.

    Args:
        statuses: what is served.
        address: ``host:port``; port 0 takes any that is free.

    Raises:
        ConfigurationError: the address cannot be had.
    """

    def add(server: grpc.aio.Server) -> None:
        add_EarlyStoppingServicer_to_server(statuses, server)

    workers = ThreadPoolExecutor(WORKERS, "trial-status")
    health = health_of([EARLY_STOPPING], lambda: True)
    return start(add, health, workers, Listener(address, "the ends of trials", Access()))
