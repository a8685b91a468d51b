"""Algorithms that do what no algorithm should; run as a program, a worker that asks them."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.apps.worker import work
from katib.errors import SettingsError
from katib.ports.suggester import SuggestionReply
from katib.registry import Registry
from katib.search.algorithm import Algorithm
from katib.suggesters.in_process import InProcessSuggester


class Misbehaving:
    """Does at every ask what its setting ``mood`` says, until the file of ``until`` is there.

    Its assignments are named after the process, and say what it was told.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._settings = settings_of(experiment)
        self._told: list[str] = []

    @staticmethod
    def validate(experiment: Experiment) -> None:
        settings = settings_of(experiment)
        if "wrong" in settings:
            raise SettingsError("wrong should be right")
        if settings.get("mood") == "crash early":
            os._exit(5)

    def tell(self, trials: Sequence[Trial]) -> None:
        self._told += [trial.metadata.name for trial in trials]

    def suggest(self, index: int, count: int) -> SuggestionReply:
        until = Path(self._settings.get("until", "/nowhere"))
        note = self._settings.get("note")
        if note:
            with open(note, "a") as file:
                file.write(f"{os.getpid()}\n")
        if not until.exists():
            act(self._settings.get("mood", ""), until)
        pairs = (NameValue(name="told", value=",".join(self._told)),)
        name = f"{os.getpid()} {index}"
        return SuggestionReply([TrialAssignment(name=name, parameter_assignments=pairs)] * count)


def settings_of(experiment: Experiment) -> dict[str, str]:
    algorithm = experiment.spec.algorithm
    settings = () if algorithm is None else algorithm.algorithm_settings
    return {one.name: one.value for one in settings}


def act(mood: str, until: Path) -> None:
    if mood:
        MOODS[mood](until)


def crash_once(until: Path) -> None:
    until.touch()
    os._exit(3)


def raise_error(_: Path) -> None:
    raise ZeroDivisionError("by nought")


def sleep(until: Path) -> None:
    while not until.exists():
        time.sleep(0.01)


MOODS: dict[str, Callable[[Path], object]] = {
    "fault": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(3),
    "once": crash_once,
    "memory": lambda _: bytearray(1 << 30),
    "error": raise_error,
    "print": lambda _: print("this is no message", flush=True),
    "sleep": sleep,
}


REGISTRY: Registry[Algorithm] = Registry(
    "algorithm",
    "katib.tests.none",
    {
        **dict.fromkeys(("misbehaving", "tpe", "enas"), f"{__name__}:Misbehaving"),
        "asha": "katib.search.algorithms.asha:Asha",
        "sobol": "katib.search.algorithms.sobol:SobolSearch",
    },
)


if __name__ == "__main__":
    work(InProcessSuggester(REGISTRY), sys.argv[1:])
