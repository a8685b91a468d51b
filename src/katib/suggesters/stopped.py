"""Telling an early stopping service that a trial was stopped."""

from __future__ import annotations

import grpc

from katib.errors import AlgorithmUnavailableError
from katib.rpc import light

#: How long an answer may take, in seconds: the service writes the trial's status.
ANSWER_SECONDS = 30.0


def tell_stopped(address: str, trial: str, token: str = "") -> None:
    """Let the service give the trial its condition.

    Args:
        address: of the service, ``host:port``.
        trial: its name.
        token: by which the trial shows who it is; Katib's own services ask for none.

    Raises:
        AlgorithmUnavailableError: it cannot be reached, or could not do so.
    """
    channel = grpc.insecure_channel(address)
    try:
        call = light.method(channel, light.SET_TRIAL_STATUS)
        shown = [("authorization", f"Bearer {token}")] if token else []
        call(light.write_texts(trial), timeout=ANSWER_SECONDS, metadata=shown)
    except grpc.RpcError as error:
        problem = f"{error.code().name}: {error.details() or 'it gave no reason'}"
        raise AlgorithmUnavailableError(address, problem) from error
    finally:
        channel.close()
