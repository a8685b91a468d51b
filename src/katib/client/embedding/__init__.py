"""What ``KatibClient.tune`` sends: an Experiment made of a function's text, or of the names of a
language model and a dataset.

``tuner`` has the method, ``arguments`` what it is given. ``script`` makes a function's text the
script that a trial runs, ``substitution`` puts placeholders where something is searched, ``runs``
makes the Job or the PyTorchJob round it, ``language_models`` the one that trains a published model,
which ``providers`` describe. Everything but the method is pure: arguments in, manifests out.
Functions that are shipped by value, with all that they use, belong to ``katib.tune``.
"""
