"""The sockets: what the engine needs from the outside world, one file each.

A port is a ``Protocol`` with its whole promise in its docstrings: what it does, in what order, what
it raises, who owns the result. Implementations live in the room that carries the port's name and
add no promises of their own. Ports know ``api`` and nothing else.
"""
