"""Algorithms asked in processes of their own, beside the engine.

An algorithm that computes for long would hold up every thread of the engine, and one that crashes
would take all experiments with it. So those that are not light have a worker process each:
``pool`` is the :class:`katib.ports.suggester.Suggester` that keeps one for every experiment,
``process`` the engine's end of one worker, ``serving`` the worker's end, and ``messages`` what goes
between them. A worker is started by a command that ``apps`` names; what it asks in the end is
another suggester, which the worker is given there.
"""

from katib.suggesters.worker.pool import WorkerSuggester

__all__ = ["WorkerSuggester"]
