"""Experiments that came past the door: nobody has given them defaults or looked at them."""

from __future__ import annotations

from experiment_stage import Stage
from msgspec.structs import replace

from katib.admission import AdmissionContext, admit
from katib.api import names
from katib.api.codec import to_manifest
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.suggestion import SUGGESTIONS
from katib.controllers.experiment import Treatment
from katib.controllers.experiment.reconciler import TRY_AGAIN
from katib.errors import ConfigurationError
from katib.testing.builders import an_experiment

CONTEXT = AdmissionContext(
    algorithms=["random"],
    early_stopping_algorithms=[],
    collector_kinds=["StdOut"],
    find_config_map=lambda key: None,
)


def treatment() -> Treatment:
    def look(experiment: Experiment) -> Experiment:
        return admit(to_manifest(experiment), CONTEXT)

    return Treatment(admit=look)


def test_defaults_are_filled_in_and_kept() -> None:
    plain = an_experiment().build()
    spec = replace(plain.spec, parallel_trial_count=None, resume_policy="")
    stage = Stage(replace(plain, spec=spec), treatment=treatment())
    stage.run()
    assert stage.experiment.spec.parallel_trial_count == 3
    assert stage.experiment.spec.resume_policy == names.NEVER
    assert stage.experiment.metadata.finalizers == (names.FINALIZER_EXPERIMENT,)
    assert len(stage.trials) == 3


def test_an_illegal_experiment_fails_with_everything_that_is_wrong() -> None:
    illegal = an_experiment().with_algorithm("rndom").with_trials(-1).build()
    stage = Stage(illegal, treatment=treatment())
    stage.run()
    final = stage.experiment.status.conditions[-1]
    assert (final.type, final.status) == ("Failed", "True")
    assert final.message.startswith("Experiment has failed because it is not legal: ")
    assert "spec.maxTrialCount: Invalid value: -1" in final.message
    assert 'unknown algorithm "rndom", did you mean "random"?' in final.message
    assert stage.experiment.status.start_time == stage.experiment.status.completion_time
    assert stage.told == [("ExperimentFailed", final.message)]
    assert stage.store.list(SUGGESTIONS) == []


def test_that_is_said_once() -> None:
    stage = Stage(an_experiment().with_algorithm("rndom").build(), treatment=treatment())
    stage.run()
    version = stage.experiment.metadata.resource_version
    stage.experiments.reconcile(stage.key)
    assert stage.experiment.metadata.resource_version == version
    assert len(stage.told) == 1


def test_an_illegal_experiment_can_be_deleted() -> None:
    stage = Stage(an_experiment().with_algorithm("rndom").build(), treatment=treatment())
    stage.run()
    stage.store.delete(EXPERIMENTS, stage.key)
    stage.run()
    assert stage.store.find(EXPERIMENTS, stage.key) is None


def test_what_was_taken_on_is_not_looked_at_again() -> None:
    looks = []

    def look(experiment: Experiment) -> Experiment:
        looks.append(experiment.metadata.name)
        return experiment

    stage = Stage(an_experiment().build(), treatment=Treatment(admit=look))
    stage.run()
    stage.finish("1", "0.5")
    assert len(looks) == 1


def test_an_experiment_waits_until_the_configuration_is_mended() -> None:
    wrong = [ConfigurationError("katib-config, line 2: not YAML")]

    def look(experiment: Experiment) -> Experiment:
        if wrong:
            raise wrong[0]
        return experiment

    stage = Stage(an_experiment().build(), treatment=Treatment(admit=look))
    stage.run()
    shown = [
        (one.type, one.status, one.reason, one.message)
        for one in stage.experiment.status.conditions
    ]
    assert shown == [
        ("Progressing", "False", "ConfigurationRefused", "katib-config, line 2: not YAML"),
        ("Created", "True", "ExperimentCreated", "Experiment is created"),
    ]
    version = stage.experiment.metadata.resource_version
    assert stage.experiments.reconcile(stage.key).retry_after_seconds == TRY_AGAIN
    assert stage.experiment.metadata.resource_version == version
    wrong.clear()
    stage.wait(int(TRY_AGAIN) + 1)
    assert stage.experiment.status.conditions[-1].type == names.RUNNING
    assert stage.experiment.status.conditions[0].reason == "TrialsRunning"
    assert len(stage.trials) == 3
