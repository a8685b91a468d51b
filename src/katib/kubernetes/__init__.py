"""All that only a cluster has: the API server's client, events, leases, the definitions of our
kinds, what is installed and with which rights, certificates of webhooks, and the sidecar.

It alone may import the ``kubernetes`` library. It knows the words of ``api``, admission, and the
configuration; it knows no controller and no store: those are put together with it in ``apps``.
"""
