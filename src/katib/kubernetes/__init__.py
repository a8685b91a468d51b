"""All that only a cluster has: the client of a Kubernetes API server and what is made with it.

``client`` speaks to the server, within the ``pace`` that it is given, ``watch`` follows changes,
and ``answers`` turns what a server says into Katib's own errors; ``discovery`` finds the path of a
kind. ``events`` writes Kubernetes events, ``leader`` chooses one operator of several.

This room alone imports the ``kubernetes`` library, for configuration, authentication and its pool
of connections; bodies are bytes, read by :mod:`katib.api.codec`. It knows the models of ``api`` and
the sockets of ``ports``; the controllers are as much strangers to it as it is to them.
"""
