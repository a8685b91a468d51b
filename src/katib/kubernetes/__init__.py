"""All that only a cluster has: the client of a Kubernetes API server and what is made with it.

``connecting`` finds the server, ``client`` speaks to it, within the ``pace`` that it is given, and
``answers`` turns what it says into Katib's own errors. ``discovery`` finds the path of a kind,
``listing`` and ``watch`` read many resources, ``informer`` keeps a copy of them up to date, and
``patches`` says what to send. ``events`` writes Kubernetes events, ``leader`` chooses one operator
of several. ``crds`` defines our kinds, ``install`` composes what an installation consists of, and
``rights`` says what the operator may do.

Pure modules say what the pods of trials are given: ``wrapping`` the command of the measured
program, ``sidecars`` the container beside it, ``variables`` what the program is told,
``checkpoints`` where it finds those of others, ``injection`` the whole pod, ``templates`` where a
run of a known kind has its pods.

This room alone imports the ``kubernetes`` library, for configuration, authentication and its pool
of connections; bodies are bytes, read by :mod:`katib.api.codec`. It knows the models of ``api``,
the ``configuration`` and the sockets of ``ports``; the controllers are as much strangers to it as
it is to them.
"""
