"""Python environments for trials that install packages, so that nobody else's gets them.

A program that runs ``pip install`` in a container changes its container. Here it would change the
user's interpreter, so it finds an environment first on its path that is made for what it installs
and shared by all trials that install the same. What the interpreter had is there too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from katib.api.values import Manifest
from katib.executors.command import CommandError, machine_path

#: How long making an environment may take, in seconds.
LONGEST = 600.0

#: Says that an environment is whole.
_MARK = ".complete"

#: How much of what a failed step wrote is told, in characters.
_TAIL = 600

_INSTALL = re.compile(r"(?<![\w.-])pip[\d.]*\s+install\b(?:\\\n|[^\n;&|])*")

#: Where an interpreter finds packages, a folder in each line.
_FOLDERS = """
import sys
for folder in sys.path:
    if folder.endswith(("site-packages", "dist-packages")):
        print(folder)
"""

#: Where an environment's own packages lie.
_OWN = "import sysconfig; print(sysconfig.get_path('purelib'))"

#: Read by every Python of an environment as it starts. Builds of pip run pip again.
_STARTUP = """
import os, site, sys

for folder in {folders!r}:
    site.addsitedir(folder)

words = getattr(sys, "orig_argv", [])
is_pip = any(os.path.basename(word).startswith("pip") for word in words[1:3])
if is_pip and "install" in words and "KATIB_PIP_LOCKED" not in os.environ:
    import fcntl

    os.environ["KATIB_PIP_LOCKED"] = "1"
    lock = open(os.path.join(sys.prefix, "pip.lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
"""


@dataclass(slots=True)
class _Making:
    """One environment that is being made, and who waits for it."""

    waiting: list[Callable[[], None]] = field(default_factory=list)
    error: CommandError | None = None
    is_over: bool = False


class Environments:
    """The environments of one home, ``<root>/<digest of what is installed>``.

    Args:
        root: the folder of all of them.
        python: the interpreter that programs find; ``None`` for the one that runs Katib.
    """

    def __init__(self, root: Path, python: Path | None = None) -> None:
        self._root, self._is_given = root, python is not None
        self.python = python or Path(sys.executable)
        self._making: dict[Path, _Making] = {}
        self._lock = threading.Lock()

    @classmethod
    def beside(cls, trials: Path, python: Path | None = None) -> Environments:
        """Beside the folder of all trials' files."""
        return cls(trials.parent / "environments", python)

    def place_of(self, container: Manifest) -> Path | None:
        """Where the environment of a container is or will be; ``None`` if it installs nothing."""
        installs = installation_of(container)
        if not installs:
            return None
        digest = hashlib.sha256(f"{self.python}\n{installs}".encode()).hexdigest()
        return self._root / digest[:16]

    def variables(self, container: Manifest, tell: Callable[[], None]) -> Mapping[str, str] | None:
        """The variables by which a container finds its Python. Never waits.

        Args:
            container: of a pod.
            tell: called from another thread when what is not there yet may be.

        Returns:
            ``None`` while its environment is being made.

        Raises:
            CommandError: it could not be made. Another call tries again.
        """
        place = self.place_of(container)
        if place is None:
            return {"PATH": _path(self.python.parent)} if self._is_given else {}
        if not _is_whole(place) and not self._is_made(place, tell):
            return None
        return {
            "PATH": _path(place / "bin"),
            "VIRTUAL_ENV": str(place),
            # What is installed for the user alone goes there too.
            "PYTHONUSERBASE": str(place),
        }

    def _is_made(self, place: Path, tell: Callable[[], None]) -> bool:
        with self._lock:
            making = self._making.get(place)
            if making is not None and making.is_over:
                del self._making[place]
                if making.error is not None:
                    raise making.error
                return True
            if making is None:
                making = self._making[place] = _Making()
                # A daemon: an engine that ends waits for nobody.
                threading.Thread(
                    target=self._make_and_tell, args=(place, making), name="packages", daemon=True
                ).start()
            making.waiting.append(tell)
            return False

    def _make_and_tell(self, place: Path, making: _Making) -> None:
        try:
            self.make(place)
        except CommandError as error:
            making.error = error
        with self._lock:
            making.is_over = True
            waiting = tuple(making.waiting)
        for tell in waiting:
            tell()

    def make(self, place: Path) -> None:
        """Make an environment, unless it is there. Takes some seconds.

        Raises:
            CommandError: that is impossible.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with open(self._root / f".{place.name}.lock", "w") as lock:
                # Those that make it hold the lock too, and may outlive this engine.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is_whole(place):
                    shutil.rmtree(place, ignore_errors=True)
                    self._build(place, lock.fileno())
        except subprocess.CalledProcessError as error:
            said = f"{error.stdout or ''}{error.stderr or ''}".strip()[-_TAIL:]
            raise self._refusal(place, said or str(error)) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._refusal(place, str(error)) from error

    def _refusal(self, place: Path, why: str) -> CommandError:
        return CommandError(
            f"no Python environment could be made in {place} with {self.python}, which a program "
            f"that installs packages needs ({why}); free the place, or let an interpreter run "
            "Katib that has venv and pip"
        )

    def _build(self, place: Path, lock: int) -> None:
        words = (str(self.python), "-m", "venv", "--system-site-packages", str(place))
        _run(words, lock)
        # An environment of an environment would see the packages of neither.
        folders = _run((str(self.python), "-c", _FOLDERS), lock).splitlines()
        own = Path(_run((str(place / "bin" / "python"), "-c", _OWN), lock).strip())
        (own / "_katib_environment.py").write_text(_STARTUP.format(folders=folders))
        (own / "_katib_environment.pth").write_text("import _katib_environment\n")
        (place / _MARK).touch()


def installation_of(container: Manifest) -> str:
    """What a container installs with pip: its command line from the beginning to the last of it.

    All of that, as scripts keep packages and options in variables. Empty when it installs nothing.
    """
    words = (*(container.get("command") or ()), *(container.get("args") or ()))
    text = " ".join(str(word) for word in words)
    found = list(_INSTALL.finditer(text))
    return text[: found[-1].end()] if found else ""


def _is_whole(place: Path) -> bool:
    # A link to an interpreter that is gone does not exist.
    return (place / _MARK).exists() and (place / "bin" / "python").exists()


def _path(folder: Path) -> str:
    return f"{folder}{os.pathsep}{machine_path()}"


def _run(words: Sequence[str], lock: int) -> str:
    ended = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST,
        pass_fds=(lock,),
    )
    return ended.stdout
