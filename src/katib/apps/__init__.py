"""Whole processes: one file each, and the only place where rooms are wired together.

``embedded`` is the engine of one machine, ``server`` the same for a cluster's clients, ``home`` the
folder in which both work. ``push`` is where trials push their metrics to, and ``tokens`` by what
they are known there. What a process prints and which options it has belongs to ``cli``; how
anything works belongs to the rooms.
"""
