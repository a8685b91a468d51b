"""Observation logs behind a database manager: Katib's, or ours."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from katib.api import names
from katib.api.values import Key
from katib.errors import EntryRefusedError, ObservationLogAwayError
from katib.ports.observation_log import MetricEntry
from katib.rpc import light

#: How long an answer may take, in seconds.
ANSWER_SECONDS = 60.0

# A series may be longer than gRPC's 4 MiB; and a service that is there again should not be found
# only after the two minutes to which gRPC's own pauses grow.
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class RemoteObservationLog:
    """Keeps observation logs at a database manager. Safe for threads.

    A report is stored when :meth:`report` returns. When it raises, that may be so or not.

    Args:
        address: as ``host:port``.
        token: what the service asks for, if it does.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._address = address
        self._credentials = [("authorization", f"Bearer {token}")] if token else []
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        """See the port.

        Raises:
            EntryRefusedError: an entry cannot be kept; none was.
            ObservationLogAwayError: there was no answer, or another refusal.
        """
        if entries:
            self._call(light.REPORT, trial, light.write_report(trial.name, entries))

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        """See the port.

        Raises:
            ObservationLogAwayError: there was no answer, or a refusal.
        """
        answer = self._call(light.READ, trial, light.write_texts(trial.name, metric or ""))
        try:
            return light.read_log(answer)
        except ValueError as error:
            raise ObservationLogAwayError(
                self._address, f"its answer is no log: {error}"
            ) from error

    def delete(self, trial: Key) -> None:
        """See the port.

        Raises:
            ObservationLogAwayError: there was no answer, or a refusal.
        """
        self._call(light.DELETE, trial, light.write_texts(trial.name))

    def flush(self) -> None:
        """Nothing is to be done: what was reported is stored."""

    def delay(self, trial: Key) -> str:
        """Nothing waits here."""
        return ""

    def close(self) -> None:
        self._channel.close()

    def _call(self, name: str, trial: Key, request: bytes) -> bytes:
        metadata = list(self._credentials)
        if trial.namespace:
            # Katib's own database manager knows bare names only, and looks past this.
            metadata.append((names.METADATA_NAMESPACE, trial.namespace))
        call = light.method(self._channel, name)
        try:
            return call(request, timeout=ANSWER_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            detail = error.details() or "it gave no reason"
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise EntryRefusedError(detail) from error
            problem = f"{error.code().name}: {detail}"
            raise ObservationLogAwayError(self._address, problem) from error
