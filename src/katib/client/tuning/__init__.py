"""``katib.tune``: a Python function, tuned in one call.

``objective`` finds out how the function wants to be called and ``called`` is what a trial calls in
its place; ``parameters`` reads the search space, and ``documents`` writes the Experiment.
``shipping`` turns the function into bytes that another process understands, and ``culprit`` finds
what keeps it from that. ``following`` waits, ``progress`` shows how far it is, and ``result`` is
what the user gets. ``tuner`` does all this in order.

Workers load ``called`` and what it needs: these modules import nothing heavy.
"""
