"""A trial's observation log: from the server of this machine, or a cluster's database manager."""

from __future__ import annotations

from dataclasses import dataclass

from katib.api import names
from katib.client.backend import Backend, RefusedError
from katib.client.requests import path_of
from katib.configuration.environment import read_environment


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A metric and one of its values, as a text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MetricLog:
    """An entry of an observation log.

    Attributes:
        time_stamp: RFC 3339; empty when the program told none.
        metric: its name and value.
    """

    time_stamp: str
    metric: NamedValue


def read_entries(
    backend: Backend, namespace: str, trial: str, address: str | None, timeout: float
) -> list[MetricLog]:
    """All entries of a trial, in the order of time.

    Args:
        backend: asked first, unless an address is given.
        namespace: of the trial.
        trial: its name.
        address: of a database manager, ``host:port``; ``None`` for the server's own logs, else for
            the cluster's database manager.
        timeout: how long an answer may take, in seconds.

    Raises:
        RefusedError: the server says why.
        AwayError: the server does not answer.
        RuntimeError: the database manager does not answer.
    """
    if address is None:
        path = path_of("trials", namespace, trial)
        try:
            answer = backend.ask("GET", f"{path}/observationlog", patience=timeout)
        except RefusedError as error:
            if error.code != 404:
                raise
            # A cluster's API server has no logs, and says of any path that is not there what it
            # says of a trial that is not.
            backend.ask("GET", path, patience=timeout)
        else:
            return [
                MetricLog(one.get("time", ""), NamedValue(one["name"], one["value"]))
                for one in answer["entries"]
            ]
    # Katib's own variables name it, in pods as anywhere.
    found = address or read_environment().db_manager_address
    return _ask_manager(found, namespace, trial, timeout)


def _ask_manager(address: str, namespace: str, trial: str, timeout: float) -> list[MetricLog]:
    # gRPC is loaded by those who ask for it.
    import grpc

    from katib.rpc.generated import api_pb2 as pb
    from katib.rpc.generated.api_pb2_grpc import DBManagerStub

    with grpc.insecure_channel(address) as channel:
        try:
            reply = DBManagerStub(channel).GetObservationLog(
                pb.GetObservationLogRequest(trial_name=trial),
                timeout=timeout,
                metadata=((names.METADATA_NAMESPACE, namespace),),
            )
        except grpc.RpcError as error:
            why = f"{error.code().name}: {error.details()}"
            raise RuntimeError(f"the database manager at {address} says {why}") from error
    return [
        MetricLog(one.time_stamp, NamedValue(one.metric.name, one.metric.value))
        for one in reply.observation_log.metric_logs
    ]
