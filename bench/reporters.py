"""Trials that report to a database manager, all from this one process, and how long each waits.

What is sent is prepared, no answer is decoded, and many trials share a connection: a report costs
this process less than it costs whoever answers. Prints what was measured as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import grpc
import psutil

from katib.ports.observation_log import MetricEntry
from katib.rpc import light

#: How many connections the trials share.
CHANNELS = 20
#: For how long it is reported before anything counts, in seconds.
WARMING = 2


@dataclass
class Measured:
    """What one load has shown.

    Attributes:
        seconds: from when each report was due until it was answered.
        served: processor time of the process that answers, per report, in seconds.
        sent: the same of this process.
        memory: resident, of the process that answers, at the end, in bytes.
        reports: how many were answered, those before anything counted included.
    """

    seconds: list[float]
    served: float
    sent: float
    memory: int
    reports: int


class Reporters:
    """Trials that report once a second each, evenly over the second.

    Args:
        address: of the database manager.
        trials: how many.
    """

    def __init__(self, address: str, trials: int) -> None:
        # A connection each: channels of equal options would share one.
        alone = [("grpc.use_local_subchannel_pool", 1)]
        self.channels = [grpc.aio.insecure_channel(address, alone) for _ in range(CHANNELS)]
        entry = MetricEntry(datetime(2026, 1, 1, tzinfo=UTC), "loss", "0.015625")
        self._reports = [light.write_report(f"trial-{n}", [entry]) for n in range(trials)]
        self._methods = [one.unary_unary(light.REPORT) for one in self.channels]

    async def report(self, seconds: int) -> list[float]:
        """Report for so long, and wait for all answers; how long each took, in seconds.

        As trials know nothing of each other, no report waits for an earlier one. It counts from
        when it was due: one that had to wait for its turn here is late as well.
        """
        start, count = time.monotonic(), len(self._reports)
        tasks = []
        for number in range(seconds * count):
            due = start + number / count
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            tasks.append(asyncio.ensure_future(self._report(number % count, due)))
        return await asyncio.gather(*tasks)

    async def _report(self, trial: int, due: float) -> float:
        await self._methods[trial % CHANNELS](self._reports[trial])
        return time.monotonic() - due


def spent(process: psutil.Process) -> float:
    """Processor time, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(address: str, server: psutil.Process, trials: int, seconds: int) -> Measured:
    here, reporters = psutil.Process(), Reporters(address, trials)
    await asyncio.gather(*(one.channel_ready() for one in reporters.channels))
    early = len(await reporters.report(WARMING))
    # Nor are the pauses of this process's own collector those of the server.
    gc.freeze()
    before = spent(server), spent(here)
    took = await reporters.report(seconds)
    served, sent = spent(server) - before[0], spent(here) - before[1]
    memory, count = server.memory_info().rss, len(took)
    for one in reporters.channels:
        await one.close()
    return Measured(took, served / count, sent / count, memory, early + count)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--server", type=int, required=True, help="its process")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    given = parser.parse_args(words)
    measured = measure(given.address, psutil.Process(given.server), given.trials, given.seconds)
    print(json.dumps(asdict(asyncio.run(measured))))


if __name__ == "__main__":
    main()
