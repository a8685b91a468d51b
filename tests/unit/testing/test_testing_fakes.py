from __future__ import annotations

from datetime import UTC, datetime

import pytest

from katib.admission import AdmissionContext, admit
from katib.admission.defaulting import with_defaults
from katib.api import codec, names
from katib.collectors import COLLECTORS
from katib.search.algorithms import ALGORITHMS
from katib.testing.builders import ExperimentBuilder, an_experiment
from katib.testing.clocks import FakeClock

BUILDERS: dict[str, ExperimentBuilder] = {
    "nothing asked for": an_experiment(),
    "much asked for": an_experiment()
    .named("much", namespace="team")
    .with_parameter("lr", min="0.01", max="0.1", step="0.01")
    .with_parameter("optimizer", names.CATEGORICAL, list=["adam", "sgd"])
    .with_objective("accuracy", names.MAXIMIZE, goal=0.9, additional=["loss"])
    .with_algorithm("random", random_state="1")
    .with_trials(max=None, parallel=2)
    .with_resume_policy(names.LONG_RUNNING),
}


@pytest.mark.parametrize("case", BUILDERS)
def test_what_is_built_is_admitted_and_already_has_every_default(case: str) -> None:
    built = BUILDERS[case].build()
    context = AdmissionContext(ALGORITHMS, (), COLLECTORS, lambda _: None)
    admitted = admit(codec.to_manifest(built), context)
    assert admitted.spec == built.spec
    assert with_defaults(built).spec == built.spec


def test_a_fake_clock_goes_when_it_is_told_to() -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(1.75)
    assert clock.now() == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert clock.monotonic() == 1.75
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
