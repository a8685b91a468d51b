"""Whole processes: one file each, and the only place where rooms are wired together.

``embedded`` is the engine of one machine, ``server`` the same for a cluster's clients, ``home`` the
folder in which both work; ``program`` has one inside a user's program, ``operator`` is a cluster's,
and ``ui`` serves browsers. ``push`` is where trials push their metrics to, and ``tokens`` by what
they are known there. What a process prints and which options it has belongs to ``cli``; how
anything works belongs to the rooms.
"""
