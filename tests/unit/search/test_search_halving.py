"""What Hyperband, BOHB and ASHA have in common."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from resource_play import by_lr, failed, label, place, play_in_parallel, tuned, value

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, Strings
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.testing.algorithm_contract import assert_legal
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

#: Every form: the algorithm, and the settings it needs to go on for long enough.
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "hyperband": ("hyperband", {"iterations": "3"}),
    "hyperband that does not wait": ("hyperband", {"iterations": "3", "sync": "false"}),
    "bohb": ("bohb", {"iterations": "3"}),
    "bohb that does not wait": ("bohb", {"iterations": "3", "sync": "false"}),
    "asha": ("asha", {}),
    "asha in brackets": ("asha", {"brackets": "3"}),
    "asha with a model": ("asha", {"sampler": "tpe"}),
}

Form = tuple[type[Algorithm], str, dict[str, str]]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    name, settings = FORMS[request.param]
    return ALGORITHMS.load(name), name, settings


def stopped(trial: Trial, loss: str) -> Trial:
    """Stopped early, with a value."""
    ended = a_succeeded_trial(trial, loss)
    kept = [one for one in ended.status.conditions if one.type != names.SUCCEEDED]
    early = Condition(type=names.EARLY_STOPPED, status="True")
    status = msgspec.structs.replace(ended.status, conditions=(*kept, early))
    return msgspec.structs.replace(ended, status=status)


def test_a_restart_at_any_moment_changes_nothing(form: Form) -> None:
    """Five at a time, which end in any order and any way: nothing but the history decides."""
    algorithm, name, settings = form
    experiment = tuned(name, **settings).build()
    chance, kept = random.Random(3), algorithm(experiment, 1)
    trials: dict[str, Trial] = {}
    running: list[str] = []
    count = 0
    for _ in range(120):
        rebuilt = algorithm(experiment, 1)
        rebuilt.tell(chance.sample(sorted(trials.values(), key=str), len(trials)))
        wanted = 5 - len(running)
        reply = kept.suggest(count, wanted) if wanted else None
        if reply is not None:
            assert rebuilt.suggest(count, wanted) == reply
            assert rebuilt.suggest(count, 1).assignments == reply.assignments[:1]
            for one in reply.assignments:
                trial = a_running_trial(experiment, f"t{count}", one)
                trials[trial.metadata.name] = trial
                running.append(trial.metadata.name)
                count += 1
                kept.tell([trial])
        if not running:
            break
        ended = running.pop(chance.randrange(len(running)))
        loss = f"{chance.random():.3f}"
        how = chance.choice([a_succeeded_trial, a_succeeded_trial, stopped, _fail])
        trials[ended] = how(trials[ended], loss)
        kept.tell([trials[ended]])
    assert count > 60


def _fail(trial: Trial, loss: str) -> Trial:
    return failed(trial)


def test_what_was_given_and_is_no_trial_yet_is_not_given_again(form: Form) -> None:
    algorithm, name, settings = form
    experiment = tuned(name, **settings).build()
    search = algorithm(experiment, 1)
    at_once = search.suggest(0, 7).assignments
    assert [*search.suggest(0, 3).assignments, *search.suggest(3, 4).assignments] == [*at_once]
    # Some of them become trials, and one of these has ended.
    running = [a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(at_once[:4])]
    search.tell([*running[1:], a_succeeded_trial(running[0], "1")])
    later = search.suggest(7, 2).assignments
    points = [one.parameter_assignments for one in (*at_once, *later)]
    assert len(set(points)) == len(points) == 9


def test_every_trial_has_a_place_and_its_resource(form: Form) -> None:
    algorithm, name, settings = form
    experiment = tuned(name, **settings).build()
    given = play_in_parallel(algorithm, experiment, 4, 120)
    assert [label(one, "index") for one in given] == [str(number) for number in range(len(given))]
    for one in given:
        bracket, rung = (int(text or "-1") for text in place(one))
        assert value(one, "epochs") == str(9 // 3 ** (bracket - rung))
        parent = label(one, "parent")
        assert (parent is None) == (rung == 0)
        if parent is not None:
            before = given[int(parent.removeprefix("trial-"))]
            assert value(before, "lr") == value(one, "lr")
            assert place(before) == (str(bracket), str(rung - 1))
    parents = Counter(label(one, "parent") for one in given)
    parents.pop(None)
    assert set(parents.values()) == {1}


@pytest.mark.parametrize("has_checkpoints", [True, False])
def test_a_checkpoint_is_handed_on_if_the_user_says_where(
    form: Form, has_checkpoints: bool
) -> None:
    algorithm, name, settings = form
    if has_checkpoints:
        settings = {**settings, "suggestion_trial_dir": "/checkpoints"}
    given = play_in_parallel(algorithm, tuned(name, **settings).build(), 1, 30)
    for one in given:
        labels: Mapping[str, str] = one.labels or {}
        found = labels.get(names.LABEL_PARENT)
        assert found == (label(one, "parent") if has_checkpoints else None)


#: What trials come to, by the number of the trial. Whatever it is, there is always an answer.
ODD: dict[str, tuple[str, ...]] = {
    "the same": ("1",),
    "infinite": ("inf", "-inf", "1"),
    "no number": ("nan", "1", "2"),
    "huge": ("1e308", "-1e308", "1e-308"),
    "failures at every rung": ("failed", "1", "failed", "2", "3"),
    "nothing but failures": ("failed",),
    "early ends": ("stopped", "1", "stopped", "failed"),
}


@pytest.mark.parametrize("history", ODD)
@pytest.mark.parametrize("slots", [1, 7])
def test_an_odd_history_has_an_answer(form: Form, history: str, slots: int) -> None:
    algorithm, name, settings = form
    experiment = _of_all_types(name, settings)
    losses = ODD[history]

    def judge(assignment: TrialAssignment, trial: Trial) -> Trial:
        loss = losses[int(label(assignment, "index") or "0") % len(losses)]
        if loss == "failed":
            return failed(trial)
        return stopped(trial, "0.5") if loss == "stopped" else a_succeeded_trial(trial, loss)

    given = play_in_parallel(algorithm, experiment, slots, 90, judge)
    assert len(given) > 50
    _check_legal(experiment, given)
    new = [one.parameter_assignments[1:] for one in given if place(one)[1] == "0"]
    assert len(set(new)) == len(new)


def _of_all_types(name: str, settings: dict[str, str]) -> Experiment:
    builder = an_experiment().with_algorithm(name, r_l="9", resource_name="r", **settings)
    builder.with_parameter("r", min="0.5", max="10", step="0.5")
    builder.with_parameter("lr", min="0.001", max="1", distribution="logUniform")
    builder.with_parameter("units", names.INT, min="8", max="64", step="8")
    builder.with_parameter("batch", names.DISCRETE, list=["8", "16", "32"])
    builder.with_parameter("optimizer", names.CATEGORICAL, list=["adam", "sgd", "momentum"])
    return builder.build()


def _check_legal(experiment: Experiment, given: Sequence[TrialAssignment]) -> None:
    for one in given:
        for spec, pair in zip(experiment.spec.parameters, one.parameter_assignments, strict=True):
            assert_legal(spec, pair.value)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_any_number_of_parameters(form: Form, count: int) -> None:
    algorithm, name, settings = form
    builder = an_experiment().with_algorithm(name, r_l="9", resource_name="r", **settings)
    builder.with_parameter("r", names.INT, min="1", max="9")
    for number in range(count):
        builder.with_parameter(f"x{number}", min="0", max="1")
    experiment = builder.build()

    def judge(assignment: TrialAssignment, trial: Trial) -> Trial:
        return a_succeeded_trial(trial, label(assignment, "index") or "")

    given = play_in_parallel(algorithm, experiment, 2, 60, judge)
    _check_legal(experiment, given)
    # Without another parameter there is one configuration: asha has soon done all there is.
    assert len(given) >= (50 if count or name != "asha" else 1)


def test_deleted_trials_do_not_stop_it(form: Form) -> None:
    """After every fifth trial the search is built anew, and one trial is gone for good."""
    algorithm, name, settings = form
    experiment = tuned(name, **settings).build()
    chance, count = random.Random(5), 0
    trials: list[Trial] = []
    for _ in range(100):
        search = algorithm(experiment, 1)
        search.tell(trials)
        reply = search.suggest(count, 1)
        for one in reply.assignments:
            trials.append(by_lr(one, a_running_trial(experiment, f"t{count}", one)))
            count += 1
        if reply.is_exhausted:
            break
        assert reply.assignments
        if count % 5 == 0:
            trials.pop(chance.randrange(len(trials)))
    assert count > 65
    assert len({trial.spec.parameter_assignments for trial in trials}) >= len(trials) - count // 5


#: Labels that somebody has changed by hand.
WRONG: dict[str, dict[str, str]] = {
    "none": {},
    "a bracket without a rung": {"bracket": "2"},
    "words": {"bracket": "the first", "rung": "lowest", "index": "?"},
    "negative numbers": {"bracket": "-1", "rung": "-1", "index": "-7"},
    "a bracket that there is not": {"bracket": "99", "rung": "0", "index": "0"},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_trial_with_wrong_labels_stands_in_nobodys_way(form: Form, case: str) -> None:
    algorithm, name, settings = form
    experiment = tuned(name, **settings).build()
    labels = {f"{name}.suggestion/{word}": text for word, text in WRONG[case].items()}
    (first,) = algorithm(experiment, 1).suggest(0, 1).assignments
    strange = msgspec.structs.replace(first, labels=Strings(labels))
    search = algorithm(experiment, 1)
    search.tell([by_lr(strange, a_running_trial(experiment, "strange", strange))])
    assert len(search.suggest(1, 2).assignments) == 2
