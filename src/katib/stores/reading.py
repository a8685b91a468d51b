"""Opening a store's file to look into it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection for reading, also while an engine writes the file.

    In a folder that may not be written, no lock can be taken: the file is read as it is, which is
    complete when no engine works there.
    """
    if os.access(path.parent, os.W_OK):
        return sqlite3.connect(path, check_same_thread=False)
    place = f"file:{quote(str(path.absolute()))}?immutable=1"
    return sqlite3.connect(place, uri=True, check_same_thread=False)
