"""Katib's gRPC services: contract, generated code, and translation from and to our words.

``api.proto`` is the contract and ``generated/`` what the compiler makes of it; the other modules
turn our values into messages and back, one file for each kind of thing; ``light`` does so without
protobuf, for a process that must stay small. Nothing here decides anything: who calls a service and
what follows from its answer belongs to ``suggesters`` and ``observations``.
"""
