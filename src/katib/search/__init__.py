"""The mathematics: search spaces, search algorithms, early stopping rules.

Everything here is pure: settings, a seed and the trials so far come in, assignments go out; the
same input gives the same output. Nothing here reads a clock, a file or a network, or knows how it
is asked (``suggesters``), where trials are kept (``stores``) or how they run (``executors``). It
may know the words of ``api`` and the reply of ``ports.suggester``.
"""
