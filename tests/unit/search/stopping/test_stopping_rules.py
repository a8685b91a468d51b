from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.stopping import MOST_NUMBERS, read_numbers, read_steps
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.errors import SettingsError
from katib.search.stopping import STOPPING_RULES
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.refusals import words_of
from katib.testing.stopping_contract import Reports, a_trial

Log = Sequence[float]
ANY_START = {"start_step": "1", "min_trials_required": "1"}


def tuned(name: str, type: str = names.MINIMIZE, **settings: str) -> Experiment:
    builder = an_experiment().with_objective("loss", type)
    return builder.with_early_stopping(name, **settings).build()


def rules(
    experiment: Experiment, *logs: Log, ending: str = names.SUCCEEDED
) -> tuple[EarlyStoppingRule, ...]:
    """The rules when trials with these logs have ended so."""
    algorithm = experiment.spec.early_stopping
    assert algorithm is not None
    stop = STOPPING_RULES.load(algorithm.algorithm_name)(experiment)
    for number, log in enumerate(logs):
        reports = Reports([str(float(one)) for one in log])
        stop.tell(a_trial(experiment, f"t{number}", ending), reports.read)
    return stop.rules()


def steps(experiment: Experiment, *logs: Log, ending: str = names.SUCCEEDED) -> dict[int, float]:
    """The thresholds of the only rule, none without one."""
    found = rules(experiment, *logs, ending=ending)
    return read_steps(found[0].value) if found else {}


REFUSED: Mapping[str, tuple[dict[str, str], str]] = {
    "running-median": (
        {"min_trials_required": "0", "start_step": "0", "interval": "0"},
        "min_trials_required must be greater than zero (>0); "
        "start_step must be greater or equal than one (>=1); "
        "interval must be greater or equal than one (>=1)",
    ),
    "percentile": (
        {"percentile": "101", "start_step": "x"},
        "failed to validate start_step(x): invalid literal for int() with base 10: 'x'; "
        "percentile must be between 0 and 100",
    ),
    "successive-halving": (
        {"min_resource": "0", "eta": "1"},
        "min_resource must be greater or equal than one (>=1); "
        "eta must be greater or equal than two (>=2)",
    ),
    "threshold": (
        {"lower": "2", "upper": "1", "start_step": "0"},
        "start_step must be greater or equal than one (>=1); lower 2 is above upper 1",
    ),
    "patience": (
        {"patience": "0", "min_delta": "-1"},
        "patience must be greater or equal than one (>=1); "
        "min_delta must be a number greater or equal than zero (>=0)",
    ),
    "wilcoxon": (
        {"p_threshold": "1", "start_step": "0"},
        "p_threshold must be between 0 and 1; start_step must be greater or equal than one (>=1)",
    ),
}


@pytest.mark.rule(
    "All that is wrong with the settings of an early stopping algorithm is said at once"
)
@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_are_wrong(name: str) -> None:
    settings, message = REFUSED[name]
    with pytest.raises(SettingsError) as caught:
        STOPPING_RULES.load(name).validate(tuned(name, **settings))
    assert words_of(caught.value) == message


#: Which of three settings are wrong, and in what: most know no `eta`, and one no `start_step`.
USUAL = ((0, "name"), (1, "name"), (2, "value"))
PLACES = {"successive-halving": ((0, "name"), (1, "value"), (2, "name"))}


@pytest.mark.parametrize("name", sorted(STOPPING_RULES))
def test_an_unknown_setting_is_told_with_those_that_are_known(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        STOPPING_RULES.load(name).validate(tuned(name, typo="1", eta="x", start_step="x"))
    told = {problem.path: problem.detail for problem in caught.value.problems}
    path = "spec.earlyStopping.algorithmSettings"
    assert set(told) == {f"{path}[{place}].{what}" for place, what in PLACES.get(name, USUAL)}
    assert told[f"{path}[0].name"].startswith(f"unknown setting typo for algorithm {name}")
    assert any(
        "; known: " in detail and "(a whole number from " in detail for detail in told.values()
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("threshold", {"lower": "nan"}),
        ("threshold", {"upper": "nan"}),
        ("percentile", {"percentile": "nan"}),
        ("patience", {"min_delta": "nan"}),
        ("patience", {"min_delta": "inf"}),
        ("wilcoxon", {"p_threshold": "nan"}),
    ],
)
def test_settings_that_are_no_number(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        STOPPING_RULES.load(name).validate(tuned(name, **settings))


DEFAULTS: Mapping[str, EarlyStoppingRule] = {
    "running-median": EarlyStoppingRule(
        name="loss", value="4:3.0,5:3.0,6:3.5", comparison="greater"
    ),
    "percentile": EarlyStoppingRule(name="loss", value="4:2.0,5:2.0,6:2.0", comparison="greater"),
    "successive-halving": EarlyStoppingRule(name="loss", value="1:1.0,3:1.0", comparison="greater"),
    "threshold": EarlyStoppingRule(
        name="loss", value="-inf,inf", comparison="outside", start_step=1
    ),
    "patience": EarlyStoppingRule(name="loss", value="5,0.0", comparison="stalled", start_step=1),
    "wilcoxon": EarlyStoppingRule(
        name="loss", value="0.1,3.0,3.0,3.0,3.0,3.0,3.0", comparison="worse", start_step=2
    ),
}


@pytest.mark.rule("The settings of every early stopping algorithm have the defaults of its page")
@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults(name: str) -> None:
    logs = [[1, 2, 3, 4, 5, 6], [3, 3, 3, 3, 3, 3], [9, 9, 9, 9, 9, 9]]
    assert rules(tuned(name), *logs) == (DEFAULTS[name],)


@pytest.mark.rule(
    "`running-median` has a threshold for every report that enough trials have come to"
)
def test_how_far_a_running_median_goes() -> None:
    experiment = tuned("running-median", start_step="2", min_trials_required="2")
    assert steps(experiment, [4, 2, 6]) == {}
    assert steps(experiment, [4, 2, 6], [1, 1]) == {2: 2.0}
    assert steps(experiment, [4, 2, 6], [1, 1, 1, 1]) == {2: 2.0, 3: 2.5}


def test_a_running_median_is_looked_at_at_intervals() -> None:
    experiment = tuned("running-median", **ANY_START, interval="3")
    assert list(steps(experiment, range(8))) == [1, 4, 7]


@pytest.mark.parametrize("ending", [names.FAILED, names.EARLY_STOPPED, names.RUNNING])
@pytest.mark.parametrize("name", ["running-median", "percentile", "wilcoxon"])
def test_only_trials_that_succeeded_are_compared_with(name: str, ending: str) -> None:
    settings = {} if name == "wilcoxon" else ANY_START
    experiment = tuned(name, **settings)
    assert rules(experiment, [1, 2], ending=ending) == ()
    assert len(rules(experiment, [1, 2])) == 1


@pytest.mark.rule("`running-median` does not count a trial from a report on that is not finite")
def test_averages_that_are_not_finite() -> None:
    experiment = tuned("running-median", **ANY_START)
    assert steps(experiment, [1, 1, 1], [3, math.nan, 3], [5, 5, math.inf]) == {1: 3, 2: 3, 3: 1}


@pytest.mark.rule(
    "Of curves with many reports a hundred are judged, as far from each other as it takes"
)
@pytest.mark.parametrize(
    ("reports", "interval", "expected"),
    [(100, 1, 1), (101, 1, 2), (200, 1, 2), (1000, 1, 10), (1000, 7, 14), (100_000, 1, 1000)],
)
def test_long_curves(reports: int, interval: int, expected: int) -> None:
    experiment = tuned("running-median", **ANY_START, interval=str(interval))
    looked_at = sorted(steps(experiment, range(reports)))
    assert looked_at == list(range(1, reports + 1, expected))
    assert len(looked_at) <= MOST_NUMBERS


@pytest.mark.rule(
    "`percentile` compares with the best so far of the others, interpolated between two"
)
def test_percentiles() -> None:
    experiment = tuned("percentile", **ANY_START, percentile="30")
    assert steps(experiment, [4, 2, 6], [10, 11, 12]) == {
        1: pytest.approx(5.8),
        2: pytest.approx(4.4),
        3: pytest.approx(4.4),
    }
    for percentile, threshold in (("0", 1), ("100", 5), ("50", 3)):
        edge = tuned("percentile", **ANY_START, percentile=percentile)
        assert steps(edge, [1], [5], [3]) == {1: threshold}


@pytest.mark.rule("The percentile of a maximised objective is counted from the top")
def test_percentiles_of_a_maximised_objective() -> None:
    experiment = tuned("percentile", names.MAXIMIZE, **ANY_START, percentile="25")
    (rule,) = rules(experiment, [1, 0], [2, 0], [3, 0], [4, 0], [5, 0])
    assert (rule.comparison, rule.value) == ("less", "1:4.0,2:4.0")


@pytest.mark.rule("`successive-halving` counts trials that run, failed or were stopped early")
@pytest.mark.parametrize("ending", [names.RUNNING, names.FAILED, names.EARLY_STOPPED])
def test_all_that_came_to_a_rung(ending: str) -> None:
    experiment = tuned("successive-halving", eta="2", min_resource="2")
    found = steps(experiment, [9, 5], [9, 7, 1, 4], [3, 6, 2, 2, 0], ending=ending)
    # Two of four, and one of three.
    assert found == {2: 5, 4: 1}


@pytest.mark.rule(
    "`successive-halving` reads a trial that runs at every request, and one that has ended once"
)
def test_a_trial_that_runs_is_read_again() -> None:
    experiment = tuned("successive-halving", eta="2")
    stop = STOPPING_RULES.load("successive-halving")(experiment)
    reports = Reports(["5"])
    stop.tell(a_running_trial(experiment, "t", TrialAssignment()), reports.read)
    assert [rule.value for rule in stop.rules()] == ["1:5.0"]
    reports.texts = ["5", "4"]
    assert [rule.value for rule in stop.rules()] == ["1:5.0,2:4.0"]
    stop.tell(a_trial(experiment, "t", names.SUCCEEDED), reports.read)
    reports.texts = ["5", "3"]
    assert [rule.value for rule in stop.rules()] == ["1:5.0,2:4.0"]


@pytest.mark.rule("At a rung that fewer than `eta` trials came to nobody is stopped")
def test_a_rung_that_few_came_to() -> None:
    experiment = tuned("successive-halving", names.MAXIMIZE, eta="4")
    # With the one that is going to be judged they are four at the first rung.
    assert steps(experiment, [1], [2]) == {}
    assert steps(experiment, [1], [2], [3, 3, 3, 3]) == {1: 3}
    assert steps(experiment, [1], [math.nan], [2]) == {}


@pytest.mark.rule("`threshold` and `patience` have a rule from the first trial on")
def test_rules_without_others() -> None:
    assert rules(tuned("threshold", lower="-1", upper="2.5", start_step="3")) == (
        EarlyStoppingRule(name="loss", value="-1.0,2.5", comparison="outside", start_step=3),
    )
    assert rules(tuned("patience", patience="7", min_delta="0.01", start_step="9")) == (
        EarlyStoppingRule(name="loss", value="7,0.01", comparison="stalled", start_step=9),
    )


@pytest.mark.rule("`wilcoxon` compares with the trial that succeeded and is the best on average")
@pytest.mark.parametrize(("type", "best"), [(names.MINIMIZE, (2, 3)), (names.MAXIMIZE, (4, 4))])
def test_the_best_on_average(type: str, best: Log) -> None:
    (rule,) = rules(tuned("wilcoxon", type), [1, 7], [2, 3], [4, 4, 5])
    expected = (2, 3) if best == (2, 3) else (4, 4, 5)
    assert read_numbers(rule.value) == (0.1, *expected)


@pytest.mark.rule("`wilcoxon` does not compare with a trial of which a report is not finite")
def test_an_incumbent_is_finite() -> None:
    experiment = tuned("wilcoxon")
    assert rules(experiment, [1, math.nan], [-math.inf], []) == ()
    (rule,) = rules(experiment, [1, math.nan], [5, 6], [-math.inf])
    assert rule.value == "0.1,5.0,6.0"


@pytest.mark.rule("`wilcoxon` compares with a hundred reports at most")
def test_an_incumbent_with_many_reports() -> None:
    (rule,) = rules(tuned("wilcoxon"), range(1000))
    assert read_numbers(rule.value) == (0.1, *range(MOST_NUMBERS))
