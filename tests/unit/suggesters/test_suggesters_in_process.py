from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Event, Thread
from typing import ClassVar

import msgspec
import pytest

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.errors import SettingsError, UnknownNameError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.registry import Registry
from katib.search.algorithm import Algorithm
from katib.suggesters.in_process import InProcessSuggester, one_thread, seed_of
from katib.testing.builders import a_running_trial, an_experiment


class Recorder:
    """An algorithm that answers with what it knows."""

    made: ClassVar[list[str]] = []
    blocked: ClassVar[dict[str, Event]] = {}
    entered: ClassVar[dict[str, Event]] = {}

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self.name, self.seed = experiment.metadata.name, seed
        self.told: list[str] = []
        Recorder.made.append(self.name)

    @staticmethod
    def validate(experiment: Experiment) -> None:
        if experiment.metadata.name == "wrong":
            raise SettingsError("wrong name")

    def tell(self, trials: Sequence[Trial]) -> None:
        names = [trial.metadata.name for trial in trials]
        self.told += names
        if "poison" in names:
            raise RuntimeError("cannot take this trial")

    def suggest(self, index: int, count: int) -> SuggestionReply:
        if self.name in Recorder.blocked:
            Recorder.entered[self.name].set()
            assert Recorder.blocked[self.name].wait(30)
        text = f"{self.seed} {index} {','.join(self.told)}"
        return SuggestionReply([TrialAssignment(name=text)] * count)


REGISTRY: Registry[Algorithm] = Registry(
    "algorithm", "katib.tests.none", {"random": f"{__name__}:Recorder"}
)


class History:
    def __init__(self, *trials: Trial) -> None:
        self.trials = list(trials)
        self.asked: list[int] = []

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        self.asked.append(version)
        return self.trials[version:], len(self.trials)


@pytest.fixture(autouse=True)
def _fresh_recorder() -> None:
    for record in (Recorder.made, Recorder.blocked, Recorder.entered):
        record.clear()


@pytest.fixture
def suggester() -> InProcessSuggester:
    return InProcessSuggester(REGISTRY, capacity=2)


def experiment(name: str = "one", **settings: str) -> Experiment:
    return an_experiment().named(name).with_algorithm("random", **settings).build()


def trial(name: str) -> Trial:
    return a_running_trial(experiment(), name, TrialAssignment())


def ask(suggester: InProcessSuggester, asked: Experiment, history: History, total: int = 1) -> str:
    """The words of the answer to a request for one assignment."""
    (assignment,) = suggester.suggest(SuggestionRequest(asked, 1, total, history)).assignments
    return assignment.name


def test_an_algorithm_is_told_only_what_is_new(suggester: InProcessSuggester) -> None:
    one, history = experiment(random_state="7"), History(trial("a"))
    assert ask(suggester, one, history, 2) == "7 1 a"
    history.trials.append(trial("b"))
    assert ask(suggester, one, history, 3) == "7 2 a,b"
    assert ask(suggester, one, history, 4) == "7 3 a,b"
    assert history.asked == [0, 1, 2]
    assert Recorder.made == ["one"]


def test_the_index_is_what_was_asked_for_before(suggester: InProcessSuggester) -> None:
    request = SuggestionRequest(experiment(random_state="7"), 3, 10, History())
    reply = suggester.suggest(request)
    assert [assignment.name for assignment in reply.assignments] == ["7 7 "] * 3


def test_a_restart_gives_the_same_answer(suggester: InProcessSuggester) -> None:
    history = History()
    for name in "abc":
        history.trials.append(trial(name))
        answer = ask(suggester, experiment(), history, 5)
    assert ask(InProcessSuggester(REGISTRY), experiment(), history, 5) == answer


def test_a_changed_spec_begins_anew_with_the_whole_history(suggester: InProcessSuggester) -> None:
    history = History(trial("a"))
    ask(suggester, experiment(random_state="1"), history)
    assert ask(suggester, experiment(random_state="2"), history) == "2 0 a"


def test_a_change_of_the_status_changes_nothing(suggester: InProcessSuggester) -> None:
    one, history = experiment(), History()
    ask(suggester, one, history)
    status = msgspec.structs.replace(one.status, trials=5)
    ask(suggester, msgspec.structs.replace(one, status=status), history)
    assert Recorder.made == ["one"]


def test_an_experiment_of_the_same_name_is_another_one(suggester: InProcessSuggester) -> None:
    again = an_experiment().named("one", uid="another").build()
    assert ask(suggester, experiment(), History()) != ask(suggester, again, History())
    assert Recorder.made == ["one", "one"]


def test_what_is_forgotten_or_pushed_out_is_rebuilt(suggester: InProcessSuggester) -> None:
    history = History(trial("a"))
    answer = ask(suggester, experiment(), history)
    suggester.forget(experiment())
    suggester.forget(experiment("never asked"))
    assert ask(suggester, experiment(), history) == answer
    for other in ("two", "three"):
        ask(suggester, experiment(other), History())
    assert ask(suggester, experiment(), history) == answer
    assert Recorder.made == ["one", "one", "two", "three", "one"]


def test_after_a_failure_the_whole_history_is_told_again(suggester: InProcessSuggester) -> None:
    one, history = experiment(random_state="7"), History(trial("a"), trial("poison"))
    with pytest.raises(RuntimeError, match="cannot take"):
        ask(suggester, one, history)
    history.trials[1] = trial("b")
    assert ask(suggester, one, history) == "7 0 a,b"


def test_a_slow_experiment_does_not_hold_up_another(suggester: InProcessSuggester) -> None:
    Recorder.blocked["slow"], Recorder.entered["slow"] = Event(), Event()
    answers: list[str] = []
    slow = experiment("slow", random_state="3")
    thread = Thread(target=lambda: answers.append(ask(suggester, slow, History())))
    thread.start()
    assert Recorder.entered["slow"].wait(30)
    assert ask(suggester, experiment(random_state="7"), History()) == "7 0 "
    assert answers == []
    Recorder.blocked["slow"].set()
    thread.join(30)
    assert answers == ["3 0 "]


def test_validation_is_the_algorithms(suggester: InProcessSuggester) -> None:
    suggester.validate(experiment())
    with pytest.raises(SettingsError, match="wrong name"):
        suggester.validate(experiment("wrong"))


def test_an_unknown_algorithm_is_named_with_the_known_ones() -> None:
    unknown = an_experiment().with_algorithm("randon").build()
    with pytest.raises(
        UnknownNameError, match=r'unknown algorithm "randon", did you mean "random"'
    ):
        InProcessSuggester().validate(unknown)
    with pytest.raises(UnknownNameError):
        InProcessSuggester().validate(Experiment())


def test_the_seed_is_random_state_or_made_from_the_uid() -> None:
    assert seed_of(experiment(random_state="42")) == 42
    assert seed_of(experiment()) == seed_of(experiment())
    assert seed_of(experiment()) != seed_of(experiment("two"))
    with pytest.raises(SettingsError, match="random_state"):
        seed_of(experiment(random_state="x"))


def test_other_settings_do_not_disturb_the_seed() -> None:
    settings = an_experiment().build().spec.algorithm
    assert settings is not None
    pair = NameValue(name="anything", value="1")
    algorithm = msgspec.structs.replace(settings, algorithm_settings=(pair,))
    one = experiment()
    spec = msgspec.structs.replace(one.spec, algorithm=algorithm)
    assert seed_of(msgspec.structs.replace(one, spec=spec)) == seed_of(one)


def test_libraries_are_told_of_one_thread_only_while_they_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with one_thread():
        assert (os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("1", "7")
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    assert os.environ["OMP_NUM_THREADS"] == "7"
