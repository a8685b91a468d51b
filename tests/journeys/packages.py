"""A package of somebody else, with search algorithms, as it comes from an index: a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

NAME, VERSION = "outsider", "1.0"

#: What is in the package: one that behaves well, one that takes its time, one that crashes.
SOURCE = '''
"""Algorithms that Katib does not know."""

import ctypes
import time
from pathlib import Path

from katib.api.suggestion import TrialAssignment
from katib.ports.suggester import SuggestionReply
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace


class Halving:
    """Halves the space again and again, from the place where ``start`` says."""

    def __init__(self, experiment, seed):
        self._space = SearchSpace.of(experiment)
        self._start = SettingsReader(experiment).number("start", 1.0)

    @staticmethod
    def validate(experiment):
        settings = SettingsReader(experiment)
        settings.integer("random_state", None)
        settings.number("start", 1.0, lambda start: 0 < start <= 1, "start should be in (0, 1]")
        settings.check()
        SearchSpace.of(experiment)

    def tell(self, trials):
        pass

    def suggest(self, index, count):
        places = [self._start / 2 ** (index + number) for number in range(count)]
        return SuggestionReply([self._at(place) for place in places])

    def _at(self, place):
        units = [place] * len(self._space.parameters)
        return TrialAssignment(parameter_assignments=self._space.assignments_at(units))


class Sleepy(Halving):
    """Answers when the file ``gate`` is there, in the folder in which the engine was started."""

    def suggest(self, index, count):
        while not Path("gate").exists():
            time.sleep(0.02)
        return super().suggest(index, count)


class Crashing(Halving):
    """Takes its process with it."""

    def suggest(self, index, count):
        ctypes.string_at(0)
'''
ENTRIES = f"""[katib.algorithms]
halving = {NAME}:Halving
sleepy = {NAME}:Sleepy
crashing = {NAME}:Crashing
"""
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def install(folder: Path) -> Path:
    """Build the wheel and install it; the folder that a ``PYTHONPATH`` must have."""
    wheel = folder / f"{NAME}-{VERSION}-py3-none-any.whl"
    about = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": SOURCE,
        f"{about}/METADATA": METADATA,
        f"{about}/WHEEL": WHEEL,
        f"{about}/entry_points.txt": ENTRIES,
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    place = folder / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--target", str(place)]
    subprocess.run([*pip, *options, str(wheel)], check=True, capture_output=True, timeout=120)
    return place
