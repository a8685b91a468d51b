"""All that only a cluster has: what is put into pods, and what an API server is told.

Pure modules say what the pods of trials are given: ``wrapping`` the command of the measured
program, ``sidecars`` the container beside it, ``injection`` the whole pod, ``templates`` where a
run of a known kind has its pods. It may know ``api``, ``configuration``, ``admission`` and
``errors``. What is reconciled belongs to ``controllers``, what is served to ``apps``.
"""
