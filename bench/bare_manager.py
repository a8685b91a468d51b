"""A database manager without a database: it reads each report, answers, and does nothing else.

So much does gRPC's library cost; nobody who serves with it can be cheaper.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from katib.rpc.db_manager import WORKERS
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    DBManagerServicer,
    add_DBManagerServicer_to_server,
)
from katib.rpc.serving import OPTIONS


class Bare(DBManagerServicer):
    """Answers in a thread."""

    def ReportObservationLog(
        self, request: pb.ReportObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.ReportObservationLogReply:
        return pb.ReportObservationLogReply()


class BareOnLoop(DBManagerServicer):
    """Answers on an event loop."""

    async def ReportObservationLog(
        self, request: pb.ReportObservationLogRequest, context: object
    ) -> pb.ReportObservationLogReply:
        return pb.ReportObservationLogReply()


def tell(port: int) -> None:
    print(f"Answering reports at 127.0.0.1:{port}; none is kept.", flush=True)


def serve_in_threads() -> None:
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=OPTIONS)
    add_DBManagerServicer_to_server(Bare(), server)
    tell(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


async def serve_on_loop() -> None:
    server = grpc.aio.server(options=OPTIONS)
    add_DBManagerServicer_to_server(BareOnLoop(), server)
    tell(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1:] == ["--loop"]:
        asyncio.run(serve_on_loop())
    else:
        serve_in_threads()
