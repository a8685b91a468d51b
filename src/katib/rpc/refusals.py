"""Calls that are refused: our errors as the status that their callers learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc

from katib.errors import (
    EntryRefusedError,
    KatibError,
    SettingsError,
    StoreUnavailableError,
    TokenRefusedError,
    UnknownNameError,
)


class Refusal(Exception):
    """A call is refused with a status; the message is its detail."""

    def __init__(self, code: grpc.StatusCode, problem: str) -> None:
        self.code = code
        super().__init__(problem)


#: Our errors, and the status of calls that end with them; any other is FAILED_PRECONDITION.
_CODES: Mapping[type[KatibError], grpc.StatusCode] = {
    EntryRefusedError: grpc.StatusCode.INVALID_ARGUMENT,
    StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
    TokenRefusedError: grpc.StatusCode.UNAUTHENTICATED,
}


@contextmanager
def refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn our errors into the status of a call."""
    try:
        yield
    except (Refusal, KatibError) as error:
        context.abort(*status_of(error))


@contextmanager
def algorithm_refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn what is wrong with a request to an algorithm, and a log that is away, into a status.

    Other errors end as UNKNOWN.
    """
    try:
        yield
    except SettingsError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except UnknownNameError as error:
        # Katib's words.
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown algorithm name {error.name}")
    except StoreUnavailableError as error:
        context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


def status_of(error: Refusal | KatibError) -> tuple[grpc.StatusCode, str]:
    """The code and the detail by which a caller learns of an error."""
    if isinstance(error, Refusal):
        return error.code, str(error)
    codes = (code for kind, code in _CODES.items() if isinstance(error, kind))
    return next(codes, grpc.StatusCode.FAILED_PRECONDITION), str(error)


def invalid(problem: str) -> Refusal:
    """Refuses what is not legal by itself, whatever else there is."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, problem)
