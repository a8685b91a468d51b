"""A stand-in for ``torchrun`` on machines without PyTorch: one node with one process is python."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

# Options of torchrun have values, but for a few; those that matter to one process are kept.
_SCRIPT = """\
#!/bin/sh
echo "katib: torchrun is not installed; running as one process with python" >&2
unbuffered=-u
while [ $# -gt 0 ]; do
  case "$1" in
    -m | --module) shift; set -- -m "$@"; break ;;
    --no-python | --no_python) shift; unbuffered=; break ;;
    --standalone | --*=*) shift ;;
    -*) shift 2 ;;
    *) break ;;
  esac
done
export RANK=0 LOCAL_RANK=0 GROUP_RANK=0 WORLD_SIZE=1 LOCAL_WORLD_SIZE=1
[ -n "$unbuffered" ] || exec "$@"
exec python "$unbuffered" "$@"
"""


@dataclass(frozen=True, slots=True)
class Torchrun:
    """How containers get a ``torchrun``.

    Attributes:
        folder: where the stand-in lies; made when it is first needed.
        path: the folders in which containers find programs.
    """

    folder: Path
    path: str

    @property
    def is_installed(self) -> bool:
        """Whether there is a real one."""
        return shutil.which("torchrun", path=self.path) is not None

    def stand_in(self) -> str:
        """The folder with the stand-in, to be put behind all others; made if it is not there.

        Raises:
            OSError: the disk refuses.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / ".torchrun"
        fresh.write_text(_SCRIPT)
        fresh.chmod(0o755)
        # Replaced at once: another trial may be starting it.
        os.replace(fresh, self.folder / "torchrun")
        return str(self.folder)
