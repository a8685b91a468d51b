"""A machine's processes as files, as Linux tells of them."""

from __future__ import annotations

import shutil
from pathlib import Path


class Proc:
    """A folder like ``/proc``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        (root / "meminfo").touch()
        self.add(1, command="pause")

    def add(
        self,
        pid: int,
        parent: int = 0,
        session: int | None = None,
        command: str = "",
        start: int = 7,
    ) -> None:
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        session = pid if session is None else session
        rest = " ".join(["0"] * 15)
        stat = f"{pid} (a ) (b) S {parent} {session} {session} {rest} {start} 0 0\n"
        (folder / "stat").write_text(stat)
        (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")

    def wrap(self, pid: int, markers: Path) -> None:
        """A shell that leaves a marker."""
        self.add(pid)
        line = f"sh\0-c\0python x.py && echo completed > {markers}/$$.pid\0"
        (self.root / str(pid) / "cmdline").write_text(line)

    def make_zombie(self, pid: int) -> None:
        stat = self.root / str(pid) / "stat"
        stat.write_text(stat.read_text().replace(") S ", ") Z "))

    def remove(self, pid: int) -> None:
        shutil.rmtree(self.root / str(pid))
