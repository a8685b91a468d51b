"""The web UI: what people look at, drawn from an API server and nothing else.

The same pages serve a laptop's engine and a cluster's operator. ``serving`` puts all together,
``guarding``, ``sockets`` and ``rights`` say who may see and do what, ``acting`` does it;
``watched`` keeps copies of what is shown, ``tables`` makes columns of them. ``pages`` has a room or
a file for each page, around which ``shell`` stands; ``charts`` turns tables of trials into what
``chart_view`` lets a browser draw. Whatever can be computed is computed here: a browser is sent
what its screen can show.

The room knows the client's parts, the words of ``api``, what ``admission`` writes down for a known
kind, and NiceGUI. Engines, stores and controllers are strangers, and it may run on another machine
than they.
"""
