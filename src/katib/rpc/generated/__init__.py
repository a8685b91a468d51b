"""What the compiler makes of the contract: messages, clients and servers of the three services.

Nothing here is written by hand. Change ``api.proto`` in the room above, then run
``scripts/generate_rpc.py``.
"""
