"""Many watchers of one experiment's trials, in a process that gives way to every other.

They stand for people at other machines: what they need of this one is not what is measured. Started
by `api.py` with the home, the experiment's name and their number, it prints a line when all watch;
told by a line that the experiment is over, it waits until all have heard everything, and prints
what they heard.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from served import NAMESPACE, Server

#: How long the last watcher may take to hear the last change, in seconds.
PATIENCE = 300.0


@dataclass(frozen=True)
class Heard:
    """What an audience has to tell.

    Attributes:
        is_complete: all heard the same, to the last change of each trial.
        events: how many changes each of them heard.
        cut_off: how many were sent away because they were too slow.
        seconds_after: how long after the experiment's end the last one heard the last change.
    """

    is_complete: bool
    events: int
    cut_off: int
    seconds_after: float


class Watcher:
    """Keeps the newest version of each trial that one watch tells, and a digest of everything."""

    def __init__(self) -> None:
        self.events = 0
        self.is_cut_off = False
        self.versions: dict[bytes, bytes] = {}
        self._digest = hashlib.blake2b()

    @property
    def seen(self) -> tuple[int, str]:
        return self.events, self._digest.hexdigest()

    async def follow(self, server: Server, path: str, begun: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(
            server.where.hostname, server.where.port, ssl=server.context, limit=1 << 24
        )
        head = f"GET {path} HTTP/1.1\r\nHost: katib\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        writer.write(head.encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        begun.set()
        try:
            async for line in reader:
                # Lines of the chunks' own sizes are in between.
                if line.startswith(b'{"type"'):
                    self._hear(line)
        finally:
            writer.close()

    def _hear(self, line: bytes) -> None:
        if line.startswith(b'{"type":"ERROR"'):
            self.is_cut_off = True
            return
        self.events += 1
        self._digest.update(line)
        name = line.partition(b'"metadata":{"name":"')[2].partition(b'"')[0]
        self.versions[name] = line.partition(b'"resourceVersion":"')[2].partition(b'"')[0]


@contextmanager
def watching(server: Server, name: str, count: int) -> Iterator[list[Heard]]:
    """An audience; what it heard is in the list behind the ``with``."""
    command = [sys.executable, __file__, str(server.home), name, str(count)]
    heard: list[Heard] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "all watch\n"
        yield heard
        process.stdin.write("it is over\n")
        process.stdin.flush()
        heard.append(Heard(**json.loads(process.stdout.readline())))


async def attend(server: Server, name: str, count: int) -> Heard:
    """Watch from now on until the end."""
    path = f"{NAMESPACE}/trials?labelSelector=katib.kubeflow.org/experiment={name}"
    # All begin at the same version: one that began by looking could see two changes as one.
    version = server.list_now(path)["metadata"]["resourceVersion"]
    watchers, begun = [Watcher() for _ in range(count)], [asyncio.Event() for _ in range(count)]
    watch = f"{path}&watch=1&resourceVersion={version}"
    tasks = [
        asyncio.create_task(watcher.follow(server, watch, event))
        for watcher, event in zip(watchers, begun, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in begun))
    print("all watch", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    over = time.monotonic()
    items = server.list_now(path)["items"]
    last = {
        item["metadata"]["name"].encode(): item["metadata"]["resourceVersion"].encode()
        for item in items
    }
    is_complete = await _all_have(watchers, last, over + PATIENCE)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Heard(
        is_complete and len({watcher.seen for watcher in watchers}) == 1,
        watchers[0].events,
        sum(watcher.is_cut_off for watcher in watchers),
        time.monotonic() - over,
    )


async def _all_have(watchers: list[Watcher], last: dict[bytes, bytes], until: float) -> bool:
    while any(watcher.versions != last for watcher in watchers):
        if time.monotonic() > until or any(watcher.is_cut_off for watcher in watchers):
            return False
        await asyncio.sleep(0.05)
    return True


if __name__ == "__main__":
    os.nice(19)
    result = asyncio.run(attend(Server(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])))
    print(json.dumps(asdict(result)), flush=True)
