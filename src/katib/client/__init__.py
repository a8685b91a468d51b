"""What users' own programs call: the part of Katib that runs inside a trial or beside the engine.

``reporting`` sends the metrics of the trial in which it runs; ``routes`` are the ways by which they
go. A program that reports may be any program, so these load nothing heavy before it is known that
it is needed. ``trial_table`` has an experiment and its trials as columns, ``analysis`` what can be
learnt from them, and ``plots`` draws it. ``katib_client`` is Katib's own SDK over a ``backend``,
the engine that ``finding`` finds: a cluster's, a server's, or the program's own. ``study`` is for
programs that carry trials out themselves, and ``exchange`` brings objects in and out.

The room may know the names of ``api``, the mathematics of ``search`` and, for gRPC, the messages of
``rpc``. It speaks to an engine over the wire only: engines, stores and controllers are strangers
here.
"""
