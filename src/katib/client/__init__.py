"""What users' own programs call: the part of Katib that runs inside a trial or beside the engine.

``reporting`` sends the metrics of the trial in which it runs; ``routes`` are the ways by which they
go. A program that reports may be any program, so this room loads nothing heavy before it knows that
it needs it, and may know the names of ``api`` and, for gRPC, the messages of ``rpc``. It speaks to
an engine over the wire only: engines, stores and controllers are strangers here.
"""
