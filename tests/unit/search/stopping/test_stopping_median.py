from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.ports.observation_log import MetricEntry
from katib.search.stopping import STOPPING_RULES
from katib.search.stopping.median import MedianStop
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.refusals import words_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

Log = Sequence[str]


def tuned(type: str = names.MINIMIZE, **settings: str) -> Experiment:
    builder = an_experiment().with_objective("loss", type)
    return builder.with_early_stopping("medianstop", **settings).build()


def a_trial(experiment: Experiment, name: str, ending: str = names.SUCCEEDED) -> Trial:
    trial = a_running_trial(experiment, name, TrialAssignment())
    ended = (*trial.status.conditions, Condition(type=ending, status="True"))
    return replace(trial, status=replace(trial.status, conditions=ended))


def rules(experiment: Experiment, *logs: Log, ending: str = names.SUCCEEDED) -> list[str]:
    """The thresholds, when trials with these logs have ended."""
    return [rule.value for rule in told(experiment, *logs, ending=ending).rules()]


def told(experiment: Experiment, *logs: Log, ending: str = names.SUCCEEDED) -> MedianStop:
    stop = MedianStop(experiment)
    for number, log in enumerate(logs):
        entries = [MetricEntry(NOON, "loss", text) for text in log]
        stop.tell(a_trial(experiment, f"t{number}", ending), partial(list, entries))
    return stop


def test_the_table_has_it() -> None:
    assert STOPPING_RULES.load("medianstop") is MedianStop


ACCEPTED: Mapping[str, dict[str, str]] = {
    "nothing": {},
    "`min_trials_required` 2 and `start_step` 5 are accepted": {
        "min_trials_required": "2",
        "start_step": "5",
    },
    "the least": {"min_trials_required": "1", "start_step": "1", "statistic": "mean"},
}


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_settings_that_are_right(sentence: str) -> None:
    experiment = tuned(**ACCEPTED[sentence])
    MedianStop.validate(experiment)
    assert MedianStop(experiment).rules() == ()


REFUSED: Mapping[str, tuple[dict[str, str], str]] = {
    "`min_trials_required` below one is refused": (
        {"min_trials_required": "0"},
        "min_trials_required must be greater than zero (>0)",
    ),
    "`start_step` below one is refused": (
        {"start_step": "0"},
        "start_step must be greater or equal than one (>=1)",
    ),
    "A setting that `medianstop` does not know is refused": (
        {"unknown_conf": "1"},
        "unknown setting unknown_conf for algorithm medianstop",
    ),
    "A setting of `medianstop` that is no whole number is refused with what was found": (
        {"start_step": "1.5"},
        "failed to validate start_step(1.5): invalid literal for int() with base 10: '1.5'",
    ),
    "A `statistic` other than `median` and `mean` is refused": (
        {"statistic": "mode"},
        "statistic must be median or mean, not mode",
    ),
    "All that is wrong with the settings of `medianstop` is said at once": (
        {"min_trials_required": "-1", "start_step": "-1"},
        "min_trials_required must be greater than zero (>0); "
        "start_step must be greater or equal than one (>=1)",
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_settings_that_are_wrong(sentence: str) -> None:
    settings, message = REFUSED[sentence]
    with pytest.raises(SettingsError) as caught:
        MedianStop.validate(tuned(**settings))
    assert words_of(caught.value) == message


ONE_STEP = {"start_step": "1"}
#: Averages over two reports: 2.5, 2 and 30.
THREE = (["4", "1"], ["2", "2"], ["20", "40"])

THRESHOLDS: Mapping[str, tuple[dict[str, str], Sequence[Log], list[str]]] = {
    "The threshold is the median of the averages, where Katib took their mean": (
        {"start_step": "2"},
        THREE,
        ["2.5"],
    ),
    "With the statistic `mean` the threshold is that of Katib": (
        {"start_step": "2", "statistic": "mean"},
        THREE,
        ["11.5"],
    ),
    "The median of an even number of averages lies between the two in the middle": (
        ONE_STEP,
        [["1"], ["2"], ["3"], ["100"]],
        ["2.5"],
    ),
    "A trial with fewer reports is averaged over those it has": (
        {"start_step": "5", "min_trials_required": "1"},
        [["4", "1"]],
        ["2.5"],
    ),
    "A trial without reports is passed over, where Katib failed": (
        ONE_STEP,
        [["1"], ["2"], ["3"], []],
        ["2.0"],
    ),
    "A trial with a text among its first reports is passed over, where Katib failed": (
        {"start_step": "2"},
        [["1", "low"], ["2", "2"], ["3", "3"], ["4", "4"], [names.UNAVAILABLE, "1"]],
        ["3.0"],
    ),
    "A trial with infinity or `nan` among its first reports is passed over": (
        ONE_STEP,
        [["inf"], ["2"], ["3"], ["4"], ["nan"], ["-inf"]],
        ["3.0"],
    ),
    "what comes after the first reports does not matter": (
        ONE_STEP,
        [["1", "nan"], ["2", "low"], ["3", "1000"]],
        ["2.0"],
    ),
    "Without `min_trials_required` trials that succeeded there is no rule": (
        ONE_STEP,
        [["1"], ["2"]],
        [],
    ),
}


@pytest.mark.parametrize("sentence", THRESHOLDS)
def test_thresholds(sentence: str) -> None:
    settings, logs, expected = THRESHOLDS[sentence]
    assert rules(tuned(**settings), *logs) == expected


@pytest.mark.rule("`min_trials_required` is 3 and `start_step` is 4 when they are not given")
@pytest.mark.rule("The rule stops what is above the threshold when the objective is minimised")
def test_the_defaults() -> None:
    log = ["1", "2", "3", "4", "1000"]
    assert rules(tuned(), log, log) == []
    assert told(tuned(), log, log, log).rules() == (
        EarlyStoppingRule(name="loss", value="2.5", comparison="greater", start_step=4),
    )


@pytest.mark.rule("The rule stops what is below the threshold when the objective is maximised")
def test_a_maximised_objective() -> None:
    experiment = tuned(names.MAXIMIZE, start_step="1", min_trials_required="1")
    (rule,) = told(experiment, ["0.5"]).rules()
    assert (rule.comparison, rule.value, rule.start_step) == ("less", "0.5", 1)


@pytest.mark.rule("Trials that run, failed or were stopped early are no measure for others")
@pytest.mark.parametrize("ending", [names.RUNNING, names.FAILED, names.EARLY_STOPPED])
def test_trials_that_did_not_succeed(ending: str) -> None:
    experiment = tuned(start_step="1", min_trials_required="1")

    def read() -> Sequence[MetricEntry]:
        raise AssertionError("its log is not wanted")

    stop = MedianStop(experiment)
    stop.tell(a_trial(experiment, "t", ending), read)
    assert stop.rules() == ()
    assert rules(experiment, ["7"]) == ["7.0"]
