"""Calling reconcilers: the queue of keys, back-off, worker threads. Knows no noun of ours."""

from katib.controllers.loop.loop import Loop

__all__ = ["Loop"]
