"""Katib: one Experiment document, one engine, on a laptop or on a Kubernetes cluster.

The rooms, in the order data walks through them: ``api`` (the words), ``admission`` (the door),
``stores`` (where resources live), ``controllers`` (the will), ``suggesters`` and ``search`` (the
mathematics), ``rendering`` (a trial's manifest), ``executors`` (how it runs), ``collectors`` and
``observations`` (its metrics). ``ports`` holds the sockets between them and ``apps`` is the only
place where they are wired together.
"""

__version__ = "0.1.0"
