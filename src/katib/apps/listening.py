"""How processes come to their ports."""

from __future__ import annotations

import socket

from katib.apps.addresses import resolve
from katib.errors import ConfigurationError

#: How many clients may wait to be let in.
_BACKLOG = 512


def listen(address: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens.

    Args:
        address: a host name or an IP address of this machine.
        port: 0 for a free one.
        option: by which the user may name another port.

    Raises:
        ConfigurationError: the address is not to be had.
    """
    host = resolve(address)[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(
            f"cannot listen at {address}, port {port}: {problem}; name another with {option} "
            f"NUMBER, or let one be found with {option} 0"
        ) from error


def listen_anywhere(address: str, port: int) -> socket.socket:
    """A socket that listens at this port, or at a free one when it is taken.

    Raises:
        ConfigurationError: the address is not to be had.
    """
    try:
        return listen(address, port)
    except ConfigurationError:
        return listen(address, 0)
