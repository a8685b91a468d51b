"""The web UI: what people look at, drawn from an API server and nothing else.

The same pages serve a laptop's engine and a cluster's operator. ``watched`` keeps copies of what is
shown, ``guarding`` and ``rights`` say who may see and do it, ``acting`` does it; ``pages`` has a
file for each page, ``charts`` turns tables of trials into what a browser draws. Whatever can be
computed is computed here: a browser is sent what its screen can show.

The room knows the client's parts, the words of ``api``, and NiceGUI. Engines, stores and
controllers are strangers, and it may run on another machine than they.
"""
