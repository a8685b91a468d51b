"""A resource store as a Kubernetes API server: what kubectl and the SDKs speak with.

Everything here turns HTTP requests into calls of the ports and answers as Kubernetes would. It may
know ``admission``, the ports and the words of ``api``; it decides nothing about experiments, and it
does not know which store, home or executor stands behind the ports.
"""
