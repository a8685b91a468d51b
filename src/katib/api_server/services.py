"""What every handler is given: the ports, and what the server itself keeps."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from katib.api_server.answers import Form
from katib.api_server.changes import Changes
from katib.api_server.durability import Durability
from katib.api_server.namespaces import Namespaces
from katib.api_server.ports import ServerPorts
from katib.api_server.targets import Query, Target


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things happen that nobody asks for, in seconds.

    Attributes:
        bookmarks: a watcher that wants bookmarks gets one.
        longest_watch: a watch without ``timeoutSeconds`` ends.
        patience: a TrainJob is waited for that a trial has not got yet, and the end of what belongs
            to an object that is deleted in the foreground.
        polling: a log that is followed, or events that are watched, are looked at again.
    """

    bookmarks: float = 60.0
    longest_watch: float = 2700.0
    polling: float = 0.2
    patience: float = 3.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the handlers; one for a server."""

    ports: ServerPorts
    changes: Changes
    durability: Durability
    namespaces: Namespaces
    pace: Pace


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one target.

    Attributes:
        services: what stands behind it.
        request: as it came.
        target: what its path names.
        query: its options.
        form: how the client wants the answer.
    """

    services: Services
    request: Request
    target: Target
    query: Query
    form: Form
