"""Telling an early stopping service that a trial was stopped."""

from __future__ import annotations

import grpc

from katib.api import names
from katib.errors import AlgorithmUnavailableError
from katib.rpc import light

#: How long an answer may take, in seconds: the service writes the trial's status.
ANSWER_SECONDS = 30.0

#: What is sent of a reason at most, in characters: what goes with a call may not be long.
LONGEST_REASON = 1_000


def tell_stopped(address: str, trial: str, token: str = "", reason: str = "") -> None:
    """Let the service give the trial its condition.

    Args:
        address: of the service, ``host:port``.
        trial: its name.
        token: by which the trial shows who it is; Katib's own services ask for none.
        reason: which rule was met by what; Katib's own services do not look at it.

    Raises:
        AlgorithmUnavailableError: it cannot be reached, or could not do so.
    """
    channel = grpc.insecure_channel(address)
    try:
        call = light.method(channel, light.SET_TRIAL_STATUS)
        shown: list[tuple[str, str | bytes]] = []
        if token:
            shown.append(("authorization", f"Bearer {token}"))
        if reason:
            shown.append(
                (names.METADATA_REASON, reason[:LONGEST_REASON].encode("utf-8", "replace"))
            )
        call(light.write_texts(trial), timeout=ANSWER_SECONDS, metadata=shown)
    except grpc.RpcError as error:
        problem = f"{error.code().name}: {error.details() or 'it gave no reason'}"
        raise AlgorithmUnavailableError(address, problem) from error
    finally:
        channel.close()
