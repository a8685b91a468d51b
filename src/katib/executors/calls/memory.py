"""How much memory a worker and its children take."""

from __future__ import annotations

import psutil


def resident_bytes(pid: int) -> int:
    """The resident memory of a process and of all that it started; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_own_bytes, family))


def _own_bytes(process: psutil.Process) -> int:
    try:
        size: int = process.memory_info().rss
    except psutil.Error:
        return 0
    return size


def words_of(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / (1 << 20):.0f} MiB"
