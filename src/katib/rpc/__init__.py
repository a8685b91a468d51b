"""Katib's gRPC services: contract, generated code, and translation from and to our words.

Nothing here decides anything: who calls a service and what follows from its answer belongs to
``suggesters`` and ``observations``.
"""
