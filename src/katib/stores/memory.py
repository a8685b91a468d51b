"""Resources in memory only: for tests, and for experiments that nobody needs to keep."""

from __future__ import annotations

from katib.stores.versioned import VersionedStore


class MemoryStore(VersionedStore):
    """A store that ends with the process."""

    def flush(self) -> None:
        self._take_changes()

    def close(self) -> None:
        self.flush()
