from __future__ import annotations

import pytest

from katib.api import names
from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.cli.watching import Watched
from katib.stores.memory import MemoryStore
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.testing.clocks import FakeClock


@pytest.mark.parametrize(
    ("type", "expected"), [(names.MINIMIZE, ["b", "a"]), (names.MAXIMIZE, ["a", "b"])]
)
def test_what_is_not_finite_is_not_among_the_best(type: str, expected: list[str]) -> None:
    store = MemoryStore(FakeClock())
    made = an_experiment().with_objective(type=type).build()
    experiment = store.create(EXPERIMENTS, made)
    values = {"a": "2", "b": "1", "c": "inf", "d": "-inf", "e": "nan", "f": "a word"}
    for name, value in values.items():
        running = a_running_trial(experiment, name, TrialAssignment())
        store.create(TRIALS, a_succeeded_trial(running, value))
    best = Watched(store, experiment.key).best_trials(5)
    assert [trial.metadata.name for trial in best] == expected
