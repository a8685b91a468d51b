"""The addresses of this machine: which of them others can reach, and what they are called."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import psutil

from katib.apps.server_record import LOOPBACK
from katib.errors import ConfigurationError


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address; a name must lead nowhere else.

    Raises:
        ConfigurationError: it is no address, and no name that is known here.
    """
    return all(ipaddress.ip_address(one).is_loopback for one in resolve(address))


def list_names(address: str) -> list[str]:
    """The names by which clients may call a server at this address."""
    names = {"localhost", LOOPBACK, "::1", address, *resolve(address)}
    if any(ipaddress.ip_address(one).is_unspecified for one in resolve(address)):
        names.discard(address)
        names |= {socket.gethostname(), *_own_addresses()}
    return sorted(name for name in names if name.isascii())


def _own_addresses() -> Iterable[str]:
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                # An address of one link has the link's name behind it.
                yield one.address.partition("%")[0]


def resolve(address: str) -> list[str]:
    """The IP addresses behind a name, or the address itself.

    Raises:
        ConfigurationError: it is no address, and no name that is known here.
    """
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f'"{address}" is no address of this machine: {error}; write an IP address or a host '
            "name, as --address 127.0.0.1"
        ) from error
    return sorted({str(one[4][0]).partition("%")[0] for one in found})
