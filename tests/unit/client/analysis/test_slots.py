from __future__ import annotations

import numpy as np

from katib.api.codec import to_manifest
from katib.client.analysis.slots import slots
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, a_table, a_trial


def test_a_trial_has_the_lowest_slot_that_is_free() -> None:
    # Each takes two seconds, and one begins every second.
    found = slots(a_table(an_experiment().build(), 6, lambda _: {"loss": 1}))
    assert found.slots.tolist() == [0, 1, 0, 1, 0, 1]
    assert (found.ended - found.begun).tolist() == [2] * 6


def test_a_trial_that_runs_has_come_as_far_as_the_last_that_ended() -> None:
    trials = [
        a_trial(5, {}, status="Pending"),
        a_trial(3, {}, status="Succeeded"),
        a_trial(1, {}, status="Running"),
        a_trial(7, {}, status="Running"),
    ]
    found = slots(TrialTable.of(to_manifest(an_experiment().build()), trials))
    assert found.rows.tolist() == [0, 1, 3]
    np.testing.assert_array_equal(found.ended - BEGINNING.timestamp(), [7, 5, 7])


def test_what_has_not_begun_has_no_slot() -> None:
    table = a_table(an_experiment().build(), 3, lambda _: {}, ["Pending"])
    assert len(slots(table).rows) == 0
