"""What the requests of callers have told of their trials: services keep it to save time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from threading import Lock

from katib.api.trial import Trial
from katib.errors import SettingsError
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.trials import read_trial

#: For how many experiments something is kept.
KEPT = 64


class Ledger:
    """What the requests of one experiment have told of its trials, with versions.

    Versions are never used again, also by another ledger: whoever was told by one that is gone
    misses nothing of its successor.

    Attributes:
        lock: to be held from :meth:`note` on, for as long as what was noted is used.
        began: the version at which it began anew, since a request lacked trials told before.
    """

    _versions = count(1)

    def __init__(self) -> None:
        self.lock = Lock()
        self.began = self._version = 0
        # As bytes: a message would keep the whole request that it came with.
        self._known: dict[str, tuple[int, bytes]] | None = None

    def note(self, messages: Sequence[pb.Trial]) -> bool:
        """Take in all trials of a request; whether those told before are among them.

        Raises:
            SettingsError: a time is not RFC 3339.
        """
        given = {one.name: one.SerializeToString(deterministic=True) for one in messages}
        old = self._known or {}
        is_grown = self._known is not None and old.keys() <= given.keys()
        if not is_grown:
            self.began = next(self._versions)
        known: dict[str, tuple[int, bytes]] = {}
        for name, data in given.items():
            before = old.get(name) if is_grown else None
            if before is None or before[1] != data:
                _check(data)
                before = next(self._versions), data
            known[name] = before
        self._known = known
        self._version = max((version for version, _ in known.values()), default=0)
        return is_grown

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        """As the port says."""
        found = sorted(one for one in (self._known or {}).values() if one[0] > version)
        return [_read(data) for _, data in found], self._version


class Ledgers:
    """The ledgers of those experiments that were asked about last, by name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ledgers: OrderedDict[str, Ledger] = OrderedDict()

    def find(self, experiment: str) -> Ledger:
        """The experiment's ledger; a new one for an experiment that is not known."""
        with self._lock:
            ledger = self._ledgers.setdefault(experiment, Ledger())
            self._ledgers.move_to_end(experiment)
            while len(self._ledgers) > KEPT:
                self._ledgers.popitem(last=False)
            return ledger


def _check(data: bytes) -> None:
    try:
        _read(data)
    except ValueError as error:
        raise SettingsError(f"a trial cannot be read: {error}") from error


def _read(data: bytes) -> Trial:
    return read_trial(pb.Trial.FromString(data))
