"""What was wrong with Katib's search services, each with what is right here.

The sentences are those of the register of defects; every algorithm that is registered later and
that one of them concerns is looked at by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment, Metric, Observation
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.search.algorithms import ALGORITHMS
from katib.search.history import History, losses_of
from katib.search.space import SearchSpace
from katib.suggesters.in_process import InProcessSuggester
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)

REGISTER: dict[str, Callable[[], None]] = {}

#: The settings without which an algorithm refuses everything.
NEEDED = {
    "hyperband": {"resource_name": "epochs", "r_l": "4", "eta": "2"},
    "asha": {"resource_name": "epochs", "r_l": "4", "eta": "2"},
    "bohb": {"resource_name": "epochs", "r_l": "4", "eta": "2"},
    "pbt": {
        "suggestion_trial_dir": "/checkpoints",
        "n_population": "5",
        "truncation_threshold": "0.2",
    },
}

#: Those that search architectures, and not a space of parameters.
ARCHITECTS = {"darts", "enas", "regularized-evolution"}

#: Those that do not repeat a point while there are others, and learn from what happened.
MODELS = sorted({"bayesianoptimization", "multivariate-tpe", "smac", "tpe"} & set(ALGORITHMS))


def regression(sentence: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Put a check into the register."""

    def keep(check: Callable[[], None]) -> Callable[[], None]:
        REGISTER[sentence] = check
        return check

    return keep


def ask(
    experiment: Experiment,
    count: int,
    total: int = 0,
    trials: Sequence[Trial] = (),
    suggester: InProcessSuggester | None = None,
) -> SuggestionReply:
    history = _Told(trials)
    request = SuggestionRequest(experiment, count, total or count, history)
    return (suggester or InProcessSuggester()).suggest(request)


class _Told:
    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = trials

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return self._trials[version:], len(self._trials)


def values(reply: SuggestionReply, name: str = "x") -> list[str]:
    return [
        pair.value
        for one in reply.assignments
        for pair in one.parameter_assignments
        if pair.name == name
    ]


def points(reply: SuggestionReply) -> list[tuple[str, ...]]:
    return [tuple(pair.value for pair in one.parameter_assignments) for one in reply.assignments]


def play(
    experiment: Experiment,
    count: int,
    loss: Callable[[TrialAssignment], str],
    batch: int = 1,
) -> list[Trial]:
    """Trials that end one batch after another; an empty loss is a failure."""
    suggester = InProcessSuggester()
    trials: list[Trial] = []
    while len(trials) < count:
        reply = ask(experiment, batch, len(trials) + batch, trials, suggester)
        if not reply.assignments:
            break
        for one in reply.assignments:
            running = a_running_trial(experiment, f"trial-{len(trials)}", one)
            text = loss(one)
            trials.append(a_succeeded_trial(running, text) if text else failed(running))
    return trials


def failed(running: Trial) -> Trial:
    status = replace(running.status, conditions=(Condition(type=names.FAILED, status="True"),))
    return replace(running, status=status)


def stopped(running: Trial, value: str) -> Trial:
    metric = Metric(name="loss", min=value, max=value, latest=value)
    found = Condition(type=names.EARLY_STOPPED, status="True")
    observation = Observation(metrics=(metric,))
    status = replace(running.status, conditions=(found,), observation=observation)
    return replace(running, status=status)


def number_of(assignment: TrialAssignment, name: str) -> float:
    return next(float(pair.value) for pair in assignment.parameter_assignments if pair.name == name)


def square() -> ExperimentBuilder:
    return (
        an_experiment()
        .with_parameter("x", min="-1", max="1")
        .with_parameter("y", min="-1", max="1")
        .with_trials(None)
    )


def refusal(experiment: Experiment) -> str:
    with pytest.raises(SettingsError) as caught:
        InProcessSuggester().validate(experiment)
    return str(caught.value)


# 1


@regression("1: `cmaes` + maximize minimises (goptuna)")
def _cmaes_maximises() -> None:
    builder = square().with_objective("accuracy", names.MAXIMIZE)
    experiment = builder.with_algorithm("cmaes", random_state="1").build()

    def accuracy(one: TrialAssignment) -> str:
        return str(-((number_of(one, "x") - 0.5) ** 2) - (number_of(one, "y") + 0.5) ** 2)

    last = play(experiment, 90, accuracy)[-10:]
    for name, best in (("x", 0.5), ("y", -0.5)):
        found = [
            float(pair.value)
            for trial in last
            for pair in trial.spec.parameter_assignments
            if pair.name == name
        ]
        assert abs(sum(found) / len(found) - best) < 0.2


# 2


@regression("2: `tpe` (hyperopt) returns identical points within one request")
def _tpe_gives_different_points() -> None:
    experiment = square().with_algorithm("tpe", random_state="1").build()
    trials = play(experiment, 20, lambda one: str(number_of(one, "x") ** 2))
    for told in ((), trials):
        given = points(ask(experiment, 10, len(told) + 10, told))
        assert len(set(given)) == 10


# 3


def hyperband(**settings: str) -> Experiment:
    builder = an_experiment().with_parameter("x", min="0", max="1").with_trials(None)
    builder.with_parameter("epochs", names.INT, min="1", max="1000")
    return builder.with_algorithm("hyperband", resource_name="epochs", **settings).build()


def resources(trials: Sequence[Trial]) -> list[str]:
    return [
        pair.value
        for trial in trials
        for pair in trial.spec.parameter_assignments
        if pair.name == "epochs"
    ]


@regression("3: Hyperband cannot pass the first rung (count check), n is overwritten")
def _hyperband_goes_through_all_brackets() -> None:
    trials = play(hyperband(r_l="9", eta="3"), 100, lambda one: str(number_of(one, "x")), batch=4)
    plan = [("1", 9), ("3", 3), ("9", 1), ("3", 5), ("9", 2), ("9", 3)]
    assert resources(trials) == [text for text, size in plan for _ in range(size)]


@regression("3: a failed trial blocks Hyperband for ever")
def _hyperband_passes_failures() -> None:
    turns = iter(range(100))

    def every_third_fails(one: TrialAssignment) -> str:
        return str(number_of(one, "x")) if next(turns) % 3 else ""

    trials = play(hyperband(r_l="9", eta="3"), 100, every_third_fails, batch=4)
    assert Counter(resources(trials)).keys() == {"1", "3", "9"}
    assert len(trials) >= 20


@regression("3: r truncated to an integer")
def _hyperband_keeps_fractions() -> None:
    builder = an_experiment().with_parameter("x", min="0", max="1").with_trials(None)
    builder.with_parameter("epochs", min="0.1", max="10")
    experiment = builder.with_algorithm(
        "hyperband", resource_name="epochs", r_l="5", eta="2", min_resource="0.5"
    ).build()
    found = Counter(resources(play(experiment, 100, lambda one: str(number_of(one, "x")))))
    assert {"0.625", "1.25", "2.5", "5.0"} <= found.keys()


@regression("3: smax off by one for exact powers")
def _hyperband_counts_exactly() -> None:
    for largest, eta, least in (("243", "3", "1"), ("1000", "10", "1")):
        (first,) = values(ask(hyperband(r_l=largest, eta=eta), 1), "epochs")
        assert first == least


# 4


@regression("4: optuna, goptuna and PBT cannot survive a restart; optuna loses history silently")
def _restarts_change_nothing() -> None:
    for name in sorted(set(ALGORITHMS) - ARCHITECTS):
        builder = square().with_parameter("epochs", names.INT, min="1", max="4", step="1")
        if name == "grid":
            builder = an_experiment().with_parameter("x", names.INT, min="0", max="40")
            builder.with_trials(None)
        settings = {**NEEDED.get(name, {}), "random_state": "5"}
        experiment = builder.with_algorithm(name, **settings).build()
        trials = play(experiment, 14, lambda one: str(number_of(one, "x")))
        kept = InProcessSuggester()
        for count in range(1, len(trials)):
            told = trials[:count]
            going_on = ask(experiment, 1, count + 1, told, kept)
            assert ask(experiment, 1, count + 1, told) == going_on, f"{name} after {count}"


# 5


def bayesian(builder: ExperimentBuilder, **settings: str) -> Experiment:
    return builder.with_algorithm("bayesianoptimization", random_state="1", **settings).build()


@regression("5: skopt: doubles always log; min <= 0 impossible")
def _doubles_are_uniform_and_may_be_negative() -> None:
    builder = an_experiment().with_parameter("x", min="-10", max="90").with_trials(None)
    found = [float(text) for text in values(ask(bayesian(builder), 64))]
    # 64 points of a Sobol sequence: half of them on either side of the middle.
    assert sum(value < 40 for value in found) in range(28, 37)


@regression("5: skopt: step and distribution ignored")
def _steps_and_distributions_count() -> None:
    builder = an_experiment().with_parameter("x", min="0.1", max="1", step="0.3")
    builder.with_parameter("lr", min="0.0001", max="1", distribution="logUniform")
    builder.with_trials(None)
    experiment = bayesian(builder, n_initial_points="4")
    trials = play(experiment, 10, lambda one: str(number_of(one, "lr")))
    reply = ask(experiment, 64)
    assert {*values(reply), *(trial.spec.parameter_assignments[0].value for trial in trials)} <= {
        "0.1",
        "0.4",
        "0.7",
        "1.0",
    }
    assert sum(float(text) < 0.01 for text in values(reply, "lr")) in range(28, 37)


@regression("5: skopt: cached duplicate asks")
def _asking_again_gives_other_points() -> None:
    experiment = bayesian(square(), n_initial_points="4")
    trials = play(experiment, 8, lambda one: str(number_of(one, "x") ** 2))
    first = ask(experiment, 2, 10, trials)
    running = [
        a_running_trial(experiment, f"running-{place}", one)
        for place, one in enumerate(first.assignments)
    ]
    second = ask(experiment, 2, 12, [*trials, *running])
    assert len({*points(first), *points(second)}) == 4


@regression("5: skopt: EIps/PIps, n_initial_points=0, lbfgs+forest accepted but fatal")
def _what_would_be_fatal_is_refused() -> None:
    for name in ("EIps", "PIps"):
        assert f"acq_func {name} is not supported" in refusal(bayesian(square(), acq_func=name))
    for estimator in ("RF", "ET", "GBRT"):
        wrong = bayesian(square(), base_estimator=estimator, acq_optimizer="lbfgs")
        assert "acq_optimizer lbfgs needs gradients" in refusal(wrong)
    experiment = bayesian(square(), n_initial_points="0")
    InProcessSuggester().validate(experiment)
    assert len(play(experiment, 4, lambda one: str(number_of(one, "x") ** 2))) == 4


@regression("5: skopt: exceeds the 60 s timeout at a few hundred trials")
def _hundreds_of_trials_are_no_end() -> None:
    experiment = bayesian(square())
    given = ask(experiment, 400)
    trials = [
        a_succeeded_trial(
            a_running_trial(experiment, f"trial-{place}", one), str(number_of(one, "x") ** 2)
        )
        for place, one in enumerate(given.assignments)
    ]
    assert len(ask(experiment, 3, 403, trials).assignments) == 3


# 6


@regression("6: hyperopt: step grid anchored at 0, leaving the range")
def _steps_begin_at_the_least_value() -> None:
    builder = an_experiment().with_parameter("x", min="5", max="10", step="0.8")
    builder.with_parameter("n", names.INT, min="1", max="6", step="2").with_trials(None)
    experiment = builder.with_algorithm("tpe", random_state="1").build()
    reply = ask(experiment, 200)
    steps = {str(float(Decimal(5) + Decimal("0.8") * place)) for place in range(7)}
    assert set(values(reply)) == steps
    assert set(values(reply, "n")) == {"1", "3", "5"}


@regression("6: hyperopt: normal/logNormal leave the range")
def _normal_values_stay_in_range() -> None:
    for distribution in ("normal", "logNormal"):
        for type in (names.DOUBLE, names.INT):
            builder = an_experiment().with_trials(None)
            builder.with_parameter("x", type, min="32", max="64", distribution=distribution)
            experiment = builder.with_algorithm("random", random_state="1").build()
            assert all(32 <= float(text) <= 64 for text in values(ask(experiment, 2_000)))


@regression("6: hyperopt: int upper/lower ends get half weight")
def _ends_have_full_weight() -> None:
    builder = an_experiment().with_parameter("x", names.INT, min="1", max="5").with_trials(None)
    for name in ("random", "sobol"):
        experiment = builder.with_algorithm(name, random_state="1").build()
        if name == "sobol":
            builder.with_parameter("y", min="0", max="1")
            experiment = builder.with_algorithm(name, random_state="1").build()
        counts = Counter(values(ask(experiment, 5_000)))
        assert counts.keys() == set("12345")
        assert all(850 < count < 1150 for count in counts.values()), counts


# 7


@regression("7: sobol never yields an int maximum")
def _sobol_reaches_the_end() -> None:
    builder = an_experiment().with_parameter("x", names.INT, min="0", max="3")
    builder.with_parameter("y", names.INT, min="0", max="6", step="2").with_trials(None)
    reply = ask(builder.with_algorithm("sobol").build(), 16)
    assert "3" in values(reply)
    assert "6" in values(reply, "y")


# 8


def grid(min: str, max: str, step: str) -> Experiment:
    builder = an_experiment().with_parameter("x", min=min, max=max, step=step).with_trials(None)
    return builder.with_algorithm("grid", random_state="1").build()


@regression("8: grid: RuntimeError at exhaustion")
def _grid_ends_well() -> None:
    experiment = grid(min="0", max="1", step="0.5")
    reply = ask(experiment, 5)
    assert len(reply.assignments) == 3
    assert reply.is_exhausted
    trials = play(experiment, 10, lambda one: "1")
    assert len(trials) == 3
    after = ask(experiment, 1, 4, trials)
    assert not after.assignments
    assert after.is_exhausted


@regression("8: grid: float noise and lost maxima")
def _grids_are_exact() -> None:
    for space, wanted in (
        (("0", "0.3", "0.1"), ["0.0", "0.1", "0.2", "0.3"]),
        (("0", "0.7", "0.1"), [str(place / 10) for place in range(8)]),
        (("0.1", "0.3", "0.1"), ["0.1", "0.2", "0.3"]),
        (("1", "2", "0.3"), ["1.0", "1.3", "1.6", "1.9"]),
    ):
        low, high, step = space
        assert sorted(values(ask(grid(min=low, max=high, step=step), 20))) == wanted


@regression("8: grid: failed combinations only retried by accident")
def _failed_points_are_not_tried_again() -> None:
    trials = play(grid(min="0", max="1", step="0.25"), 20, lambda one: "")
    assert len({trial.spec.parameter_assignments for trial in trials}) == len(trials) == 5


# 9


@regression("9: goptuna: unknown settings ignored")
def _unknown_settings_are_refused() -> None:
    # What trials are told of DARTS is for them to judge.
    for name in sorted(set(ALGORITHMS) - ARCHITECTS):
        builder = square().with_parameter("epochs", names.INT, min="1", max="4")
        experiment = builder.with_algorithm(name, **NEEDED.get(name, {}), typo="1").build()
        said = refusal(experiment)
        assert f"unknown setting typo for algorithm {name}" in said or (
            "Unknown Algorithm Setting name: typo" in said
        )


@regression("9: goptuna: default seeds fixed at 0")
def _experiments_differ_without_a_seed() -> None:
    for name in ("random", "tpe", "cmaes"):
        first, second = (
            square().named("tuned", uid=uid).with_algorithm(name).build() for uid in ("a", "b")
        )
        assert points(ask(first, 3)) != points(ask(second, 3))


# 10


@regression("10: Empty messages for negative `random_state` in optuna random/grid")
def _a_negative_seed_is_told() -> None:
    for name in ("random", "grid"):
        builder = an_experiment().with_parameter("x", names.INT, min="1", max="50")
        wrong = builder.with_algorithm(name, random_state="-1").build()
        assert refusal(wrong) == "random_state should be great or equal than zero"


# 11


@regression("11: Early-stopped values are used as if final")
def _a_stopped_trial_is_no_better_than_one_that_finished() -> None:
    experiment = square().build()
    history = History(experiment, SearchSpace.of(experiment))
    places = [
        a_running_trial(experiment, name, one)
        for name, one in zip("abc", ask(experiment, 3).assignments, strict=True)
    ]
    history.tell(
        [
            a_succeeded_trial(places[0], "1"),
            a_succeeded_trial(places[1], "2"),
            stopped(places[2], "-9"),
        ]
    )
    assert losses_of(history.trials).tolist() == [1, 2, 2]
    assert [trial.name for trial in sorted(history.trials, key=lambda one: one.rank)] == [*"abc"]


# 12


@regression("12: No service deduplicates")
def _nothing_is_tried_twice_while_there_is_more() -> None:
    builder = an_experiment().with_parameter("x", names.INT, min="1", max="4")
    builder.with_parameter("y", names.CATEGORICAL, list=["a", "b", "c"]).with_trials(None)
    for name in MODELS:
        experiment = builder.with_algorithm(name, random_state="1").build()
        trials = play(experiment, 12, lambda one: str(number_of(one, "x")), batch=2)
        assert len({trial.spec.parameter_assignments for trial in trials}) == 12, name


@regression("12: none knows about pending trials except optuna (TPE) and PBT")
def _pending_trials_are_kept_away_from() -> None:
    for name in MODELS:
        experiment = square().with_algorithm(name, random_state="1").build()

        def loss(one: TrialAssignment) -> str:
            return str(number_of(one, "x") ** 2 + number_of(one, "y") ** 2)

        trials = play(experiment, 24, loss)
        reply = ask(experiment, 1, 25, trials)
        running = [
            a_running_trial(experiment, f"running-{place}", reply.assignments[0])
            for place in range(8)
        ]
        # The same place of the sequence: only what is pending differs.
        other = ask(experiment, 1, 25, [*trials, *running])
        assert points(other) != points(reply), name


@pytest.mark.parametrize("check", REGISTER.values(), ids=REGISTER)
def test_it_is_not_so_here(check: Callable[[], None]) -> None:
    check()


def test_every_row_of_the_register_is_there() -> None:
    assert {sentence.partition(":")[0] for sentence in REGISTER} == set(map(str, range(1, 13)))
