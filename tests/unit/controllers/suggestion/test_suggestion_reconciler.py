from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as with_fields
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import to_raw
from katib.api.experiment import EXPERIMENTS, Experiment, Metric, Observation
from katib.api.suggestion import (
    SUGGESTIONS,
    EarlyStoppingRule,
    Suggestion,
    SuggestionSpec,
    TrialAssignment,
)
from katib.api.trial import TRIALS, Trial, TrialStatus
from katib.api.trial_names import trial_name
from katib.api.values import Condition, Key, NameValue, ObjectMeta, Strings
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.suggestion.history import StoredHistory
from katib.controllers.suggestion.patience import FAILING_FOR, MOST_EMPTY, MOST_FAILURES
from katib.controllers.suggestion.reconciler import ASK_AGAIN, merged, with_settings
from katib.errors import (
    AlgorithmBusyError,
    AlgorithmUnavailableError,
    NotFoundError,
    SettingsError,
    UnknownNameError,
)
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event
from katib.ports.suggester import SuggestionReply, SuggestionRequest, Trouble
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "an-experiment")


def assignments(*values: str) -> list[TrialAssignment]:
    return [
        TrialAssignment(parameter_assignments=(NameValue(name="lr", value=value),))
        for value in values
    ]


def as_many_as_asked(request: SuggestionRequest) -> SuggestionReply:
    first = request.total - request.count
    return SuggestionReply(assignments(*(str(first + number) for number in range(request.count))))


@dataclass
class Suggester:
    """Answers with ``reply`` and keeps what it was asked."""

    reply: Callable[[SuggestionRequest], SuggestionReply] = as_many_as_asked
    refusal: Exception | None = None
    validated: int = 0
    asked: list[SuggestionRequest] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        self.validated += 1
        if self.refusal is not None:
            raise self.refusal

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.asked.append(request)
        return self.reply(request)

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


class Stage:
    def __init__(self, suggester: Suggester | None = None, requests: int = 3) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.suggester = suggester or Suggester()
        self.reconciler = SuggestionReconciler(self.store, self.suggester, self.clock)
        experiment = an_experiment().with_algorithm("random", seed="1").build()
        self.experiment = self.store.create(EXPERIMENTS, experiment)
        self.store.create(
            SUGGESTIONS,
            Suggestion(
                metadata=ObjectMeta(name=KEY.name, namespace=KEY.namespace),
                spec=SuggestionSpec(requests=requests),
            ),
        )

    @property
    def suggestion(self) -> Suggestion:
        return self.store.get(SUGGESTIONS, KEY)

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(KEY)

    def request(self, total: int) -> Result:
        suggestion = self.suggestion
        spec = replace(suggestion.spec, requests=total)
        self.store.update(SUGGESTIONS, replace(suggestion, spec=spec))
        return self.reconcile()

    def have(self, trials: int, running: int = 0) -> None:
        """The experiment has so many trials."""
        experiment = self.store.get(EXPERIMENTS, KEY)
        status = replace(experiment.status, trials=trials, trials_running=running)
        self.store.update_status(EXPERIMENTS, replace(experiment, status=status))

    def put(self, *conditions: Condition) -> None:
        suggestion = self.suggestion
        status = replace(suggestion.status, conditions=conditions)
        self.store.update_status(SUGGESTIONS, replace(suggestion, status=status))

    def values(self) -> list[str]:
        found = self.suggestion.status.suggestions
        return [one.parameter_assignments[0].value for one in found]

    def conditions(self) -> list[tuple[str, str, str, str]]:
        found = self.suggestion.status.conditions
        return [(one.type, one.status, one.reason, one.message) for one in found]


CREATED = ("Created", "True", "SuggestionCreated", "Suggestion is created")
RUNNING = ("Running", "True", "SuggestionRunning", "Suggestion is running")


@pytest.mark.rule(
    "A new suggestion is `Created`, with a start time, and `Running` once its settings are valid"
)
@pytest.mark.rule("What is requested is asked for once")
@pytest.mark.rule("Unchanged conditions of a suggestion are not written again")
def test_what_is_requested_is_asked_for_once() -> None:
    stage = Stage(requests=3)
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.suggestion.status.start_time == stage.clock.now()
    assert stage.values() == ["0", "1", "2"]
    assert stage.suggestion.status.suggestion_count == 3
    version = stage.store.version
    assert stage.reconcile() == DONE
    assert (stage.store.version, stage.suggester.validated) == (version, 1)
    assert [(one.count, one.total) for one in stage.suggester.asked] == [(3, 3)]


@pytest.mark.rule("The algorithm is asked for what is missing, and its assignments are appended")
def test_later_assignments_are_appended() -> None:
    stage = Stage(requests=2)
    stage.reconcile()
    before = stage.suggestion.status.suggestions
    stage.request(5)
    assert stage.suggestion.status.suggestions[:2] == before
    assert stage.values() == ["0", "1", "2", "3", "4"]
    assert [(one.count, one.total) for one in stage.suggester.asked] == [(2, 2), (3, 5)]


@pytest.mark.rule("Four requests and six assignments: nothing happens")
def test_fewer_requests_than_there_are_ask_for_nothing() -> None:
    stage = Stage(requests=6)
    stage.reconcile()
    assert stage.request(4) == DONE
    assert len(stage.suggester.asked) == 1
    assert stage.suggestion.status.suggestion_count == 6


@pytest.mark.rule(
    "An assignment without a name gets one made of the experiment's name and its number"
)
def test_names_are_filled_in_by_number() -> None:
    stage = Stage(requests=2)
    stage.reconcile()
    stage.request(3)
    uid = stage.experiment.metadata.uid
    expected = [trial_name("an-experiment", uid, number) for number in range(3)]
    assert [one.name for one in stage.suggestion.status.suggestions] == expected


@pytest.mark.rule("A name and labels that the algorithm gave stay")
def test_a_name_that_the_algorithm_gave_stays() -> None:
    given = TrialAssignment(name="mine", labels=Strings(generation="1"))
    stage = Stage(Suggester(lambda _: SuggestionReply([given])), requests=1)
    stage.reconcile()
    assert stage.suggestion.status.suggestions == (given,)


@pytest.mark.rule("The list holds the newest 1,000 assignments, the count counts all")
def test_the_list_holds_the_newest_thousand_and_the_count_all() -> None:
    stage = Stage(requests=900)
    stage.reconcile()
    stage.have(trials=900)
    stage.request(1_200)
    status = stage.suggestion.status
    assert (len(status.suggestions), status.suggestion_count) == (names.LONGEST_LIST, 1_200)
    assert (stage.values()[0], stage.values()[-1]) == ("200", "1199")
    uid = stage.experiment.metadata.uid
    assert status.suggestions[-1].name == trial_name("an-experiment", uid, 1_199)
    assert stage.request(1_200) == DONE


@pytest.mark.rule("Assignments that are no trials yet stay in the list, however many they are")
def test_what_is_no_trial_yet_stays_in_the_list_however_much_it_is() -> None:
    stage = Stage(requests=1_500)
    stage.reconcile()
    assert len(stage.suggestion.status.suggestions) == 1_500


def test_imported_trials_push_no_assignment_out_of_the_list() -> None:
    stage = Stage(requests=1_200)
    experiment = stage.store.get(EXPERIMENTS, KEY)
    annotations = Strings({names.LABEL_IMPORTED: "700"})
    metadata = replace(experiment.metadata, annotations=annotations)
    stage.store.update(EXPERIMENTS, replace(experiment, metadata=metadata))
    stage.have(trials=700)
    stage.reconcile()
    assert len(stage.suggestion.status.suggestions) == 1_200


@pytest.mark.rule("The list is shorter when its assignments are long")
def test_the_list_is_shorter_when_its_assignments_are_long() -> None:
    def long(request: SuggestionRequest) -> SuggestionReply:
        return SuggestionReply(assignments(*(["x" * 1_000] * request.count)))

    stage = Stage(Suggester(long), requests=500)
    stage.reconcile()
    stage.have(trials=500)
    stage.request(501)
    status = stage.suggestion.status
    assert status.suggestion_count == 501
    assert 100_000 < len(to_raw(status)) < 300_000


@pytest.mark.rule("Fewer assignments than asked are kept, and the rest is asked for again")
def test_fewer_than_asked_are_kept_and_the_rest_is_asked_for_again() -> None:
    stage = Stage(Suggester(lambda _: SuggestionReply(assignments("x"))), requests=2)
    assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
    assert stage.values() == ["x"]
    assert stage.reconcile() == DONE
    assert stage.values() == ["x", "x"]
    assert [one.count for one in stage.suggester.asked] == [2, 1]


@pytest.mark.rule("An algorithm that says that its search has ended is not asked again")
def test_an_exhausted_algorithm_is_not_asked_again() -> None:
    ended = SuggestionReply(assignments("last"), is_exhausted=True)
    stage = Stage(Suggester(lambda _: ended), requests=3)
    assert stage.reconcile() == DONE
    assert stage.conditions()[-1] == (
        "Exhausted",
        "True",
        "SuggestionEndReached",
        "The algorithm has no more assignments",
    )
    assert stage.values() == ["last"]
    assert stage.request(4) == DONE
    assert len(stage.suggester.asked) == 1


REFUSALS: dict[str, tuple[Exception, str]] = {
    "An algorithm that refuses its settings fails the suggestion and says why": (
        SettingsError("seed must be a number"),
        "Validation failed: seed must be a number",
    ),
    "An algorithm that does not exist fails the suggestion and names the nearest": (
        UnknownNameError("algorithm", "tpi", ["random", "tpe"]),
        'Validation failed: unknown algorithm "tpi", did you mean "tpe"?; known: random, tpe',
    ),
    "Early stopping settings that are refused fail the suggestion": (
        SettingsError("n should be above 0", "start_step must be greater or equal than one (>=1)"),
        "Validation failed: n should be above 0; start_step must be greater or equal than one "
        "(>=1)",
    ),
}


@pytest.mark.rule("A failed suggestion is neither validated nor asked again")
@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_final_and_says_why(case: str) -> None:
    error, message = REFUSALS[case]
    stage = Stage(Suggester(refusal=error))
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, ("Failed", "True", "SuggestionFailed", message)]
    assert stage.reconcile() == DONE
    assert (stage.suggester.validated, stage.suggester.asked) == (1, [])


def broken(_: SuggestionRequest) -> SuggestionReply:
    raise ZeroDivisionError("by nought")


@pytest.mark.rule("An algorithm that fails shows it and is asked again")
def test_an_algorithm_that_fails_shows_it_and_is_asked_again() -> None:
    stage = Stage(Suggester(broken))
    with pytest.raises(ZeroDivisionError):
        stage.reconcile()
    why = "The algorithm failed 1 times in a row: ZeroDivisionError: by nought"
    assert stage.conditions() == [
        ("Progressing", "False", "AlgorithmFailed", why),
        CREATED,
        RUNNING,
    ]
    stage.suggester.reply = as_many_as_asked
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule(
    "An algorithm that fails ten times in a row and for a minute fails the suggestion"
)
def test_an_algorithm_that_fails_too_often_for_too_long_ends_the_suggestion() -> None:
    stage = Stage(Suggester(broken))
    for _ in range(MOST_FAILURES + 5):
        with pytest.raises(ZeroDivisionError):
            stage.reconcile()
    stage.clock.advance(FAILING_FOR)
    assert stage.reconcile() == DONE
    failed = stage.conditions()[-1]
    assert failed[:3] == ("Failed", "True", "SuggestionFailed")
    assert failed[3] == "The algorithm failed 16 times in a row: ZeroDivisionError: by nought"
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "Failed"]


@pytest.mark.rule(
    "An algorithm that cannot be reached is waited for as long as it takes, and that is said"
)
def test_an_algorithm_that_cannot_be_reached_is_waited_for_and_that_is_said() -> None:
    stage = Stage(Suggester(away))
    for _ in range(50):
        assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
        stage.clock.advance(FAILING_FOR)
    said = stage.conditions()[0]
    assert said[:3] == ("Progressing", "False", "AlgorithmUnavailable")
    assert "the algorithm at tpe:6789 cannot be reached: connection refused" in said[3]
    stage.suggester.reply = as_many_as_asked
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule(
    "An algorithm that computes for longer than a second is waited for, and that is said"
)
def test_an_algorithm_that_takes_long_is_waited_for_and_that_is_said() -> None:
    def compute(_: SuggestionRequest) -> SuggestionReply:
        raise AlgorithmBusyError("tpe", stage.clock.monotonic())

    stage = Stage(Suggester(compute))
    for seconds, told in ((0.5, None), (1, "1"), (11, "12"), (200, "212")):
        stage.clock.advance(seconds)
        assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
        shown = [one for one in stage.conditions() if one[0] == "Progressing"]
        if told is None:
            assert shown == []
            continue
        rounded = {"1": "1", "12": "10", "212": "180"}[told]
        message = f"asking algorithm tpe for {rounded} s"
        assert shown == [("Progressing", "True", "AskingAlgorithm", message)]
    stage.clock.advance(FAILING_FOR)
    stage.suggester.reply = as_many_as_asked
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, RUNNING]


def away(_: SuggestionRequest) -> SuggestionReply:
    raise AlgorithmUnavailableError("tpe:6789", "connection refused")


@pytest.mark.rule(
    "What failed or is away is told until there is an answer, also while it is asked again"
)
@pytest.mark.parametrize(
    ("reply", "reason"), [(broken, "AlgorithmFailed"), (away, "AlgorithmUnavailable")]
)
def test_a_failure_is_told_until_there_is_an_answer(
    reply: Callable[[SuggestionRequest], SuggestionReply], reason: str
) -> None:
    stage = Stage(Suggester(reply))
    with suppress(ZeroDivisionError):
        stage.reconcile()
    told = stage.conditions()
    assert told[0][2] == reason

    def compute(_: SuggestionRequest) -> SuggestionReply:
        raise AlgorithmBusyError("tpe", 5)

    stage.suggester.reply = compute
    assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
    assert stage.conditions() == told
    stage.suggester.reply = as_many_as_asked
    stage.reconcile()
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("An algorithm that computes for its validation is waited for")
def test_a_validation_that_takes_long() -> None:
    stage = Stage(Suggester(refusal=AlgorithmBusyError("tpe", 3.2)))
    assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
    assert stage.conditions()[0][2:] == ("AskingAlgorithm", "asking algorithm tpe for 3 s")
    stage.suggester.refusal = None
    assert stage.reconcile() == DONE
    assert stage.values() == ["0", "1", "2"]


@pytest.mark.rule("Trouble that comes with assignments is said, and they are kept")
def test_assignments_of_a_stand_in_are_kept_and_told() -> None:
    def replaced(request: SuggestionRequest) -> SuggestionReply:
        return with_fields(
            as_many_as_asked(request), trouble=Trouble("Replaced", "sobol stands in")
        )

    stage = Stage(Suggester(replaced), requests=2)
    assert stage.reconcile() == DONE
    assert stage.values() == ["0", "1"]
    assert stage.conditions()[0] == (
        "Progressing",
        "True",
        "Replaced",
        "sobol stands in",
    )
    stage.suggester.reply = as_many_as_asked
    stage.request(3)
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("An empty reply while trials are under way means not now")
def test_empty_replies_while_trials_are_under_way_mean_not_now() -> None:
    stage = Stage(Suggester(lambda _: SuggestionReply([])), requests=2)
    stage.have(trials=1, running=1)
    for _ in range(10):
        assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
    assert stage.conditions()[0] == (
        "Progressing",
        "True",
        "WaitingForTrials",
        "The algorithm gave 0 of 2 assignments: it waits for the results of trials that are "
        "under way",
    )


@pytest.mark.rule("Three empty replies in a row with no trial under way are the end of the search")
def test_empty_replies_with_no_trial_under_way_are_the_end_of_the_search() -> None:
    stage = Stage(Suggester(lambda _: SuggestionReply([])), requests=2)
    stage.have(trials=4)
    for _ in range(MOST_EMPTY - 1):
        assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
        assert stage.conditions()[0][:3] == ("Progressing", "False", "TooFewAssignments")
    assert stage.reconcile() == DONE
    assert [one[0] for one in stage.conditions()] == ["Created", "Running", "Exhausted"]


@pytest.mark.rule("A succeeded suggestion is forgotten by its algorithm and asks nothing")
def test_a_succeeded_suggestion_is_forgotten_and_asks_nothing() -> None:
    stage = Stage()
    stage.put(Condition(type="Succeeded", status="True"))
    assert stage.reconcile() == DONE
    assert stage.suggester.forgotten == ["an-experiment"]
    assert (stage.suggester.asked, stage.suggester.validated) == ([], 0)


@pytest.mark.rule("A suggestion that is deleted is forgotten by its algorithm")
def test_a_deleted_suggestion_is_forgotten() -> None:
    stage = Stage()
    stage.reconcile()
    stage.store.delete(SUGGESTIONS, KEY)
    assert stage.reconcile() == DONE
    assert stage.suggester.forgotten == ["an-experiment"]
    assert stage.reconcile() == DONE
    assert stage.suggester.forgotten == ["an-experiment"], "once"


@pytest.mark.rule("An experiment that took the name of another is not taken for it")
def test_an_experiment_of_the_same_name_is_another_one() -> None:
    stage = Stage()
    stage.reconcile()
    stage.store.delete(EXPERIMENTS, KEY)
    stage.store.create(EXPERIMENTS, an_experiment().named("an-experiment", uid="another").build())
    stage.reconcile()
    assert stage.suggester.forgotten == ["an-experiment"]


@pytest.mark.rule("A restarted suggestion is validated again and its assignments go on")
def test_a_restarted_suggestion_is_validated_again_and_goes_on() -> None:
    stage = Stage(requests=2)
    stage.reconcile()
    created = stage.suggestion.status.conditions[0]
    stage.put(created, Condition(type="Running", status="False", reason="Experiment is restarting"))
    stage.request(3)
    assert stage.suggester.validated == 2
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.values() == ["0", "1", "2"]


@pytest.mark.rule("A suggestion that does not exist or has lost its experiment is nothing to do")
def test_without_its_experiment_nothing_is_asked() -> None:
    stage = Stage()
    stage.store.delete(EXPERIMENTS, KEY)
    assert stage.reconcile() == DONE
    assert stage.suggester.validated == 0
    assert stage.reconciler.reconcile(Key("default", "missing")) == DONE


@pytest.mark.rule(
    "Settings that the algorithm returned are laid over the experiment's at the next ask"
)
def test_settings_that_the_algorithm_returned_are_sent_with_the_next_ask() -> None:
    replies = iter(
        [
            SuggestionReply(assignments("a"), (NameValue(name="bracket", value="1"),)),
            SuggestionReply(assignments("b"), (NameValue(name="bracket", value="2"),)),
        ]
    )
    stage = Stage(Suggester(lambda _: next(replies)), requests=1)
    stage.reconcile()
    stage.request(2)
    asked = [
        {one.name: one.value for one in algorithm.algorithm_settings}
        for request in stage.suggester.asked
        if (algorithm := request.experiment.spec.algorithm) is not None
    ]
    assert asked == [{"seed": "1"}, {"seed": "1", "bracket": "1"}]
    assert stage.suggestion.status.algorithm_settings == (NameValue(name="bracket", value="2"),)


@pytest.mark.rule("Settings are merged by name, and new names come last")
def test_settings_are_merged_by_name_in_order() -> None:
    a, b, c = (NameValue(name=name, value="1") for name in "abc")
    newer = NameValue(name="a", value="2")
    assert merged((a, b), (newer, c)) == (newer, b, c)
    assert with_settings(an_experiment().build(), ()) == an_experiment().build()


@pytest.mark.rule(
    "The suggestion controller wakes for requests and the end, not for its own answers"
)
def test_it_wakes_for_what_is_wanted_and_not_for_its_own_answers() -> None:
    stage = Stage(requests=1)
    heard: list[bool] = []

    def listen(event: Event) -> None:
        if event.kind is SUGGESTIONS:
            heard.append(list(stage.reconciler.keys(event)) == [KEY])

    stage.store.subscribe(listen)
    stage.reconcile()
    stage.request(2)
    stage.put(Condition(type="Succeeded", status="True"))
    stage.store.delete(SUGGESTIONS, KEY)
    own_answer, wanted, second_answer, end, gone = heard
    assert (own_answer, wanted, second_answer, end, gone) == (False, True, False, True, True)


def a_trial(name: str, *types: str, value: str = "", namespace: str = "default") -> Trial:
    experiment = an_experiment().build()
    metric = Metric(name="loss", min=value, max=value, latest=value)
    return Trial(
        metadata=ObjectMeta(
            name=name, namespace=namespace, labels=Strings({names.LABEL_EXPERIMENT: KEY.name})
        ),
        spec=replace(Trial(metadata=ObjectMeta()).spec, objective=experiment.spec.objective),
        status=TrialStatus(
            conditions=tuple(Condition(type=type, status="True") for type in types),
            observation=Observation(metrics=(metric,)) if value else None,
        ),
    )


def seen(history: StoredHistory, since: int = 0) -> Sequence[str]:
    return [trial.metadata.name for trial in history.changed_since(since)[0]]


@pytest.mark.rule("The algorithm sees every trial of its experiment, however it ended")
@pytest.mark.rule("The algorithm does not see trials of other namespaces")
def test_an_algorithm_sees_the_trials_of_its_experiment() -> None:
    store = MemoryStore(FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))
    for trial in (
        a_trial("running", "Running"),
        a_trial("failed", "Failed"),
        a_trial("succeeded", "Succeeded", value="1"),
        a_trial("no-metrics", "MetricsUnavailable", value="unavailable"),
        a_trial("stopped", "EarlyStopped", value="2"),
        a_trial("stopped-unobserved", "EarlyStopped"),
        a_trial("elsewhere", "Succeeded", value="3", namespace="other"),
    ):
        store.create(TRIALS, trial)
    history = StoredHistory(store, KEY)
    assert seen(history) == [
        "running",
        "failed",
        "succeeded",
        "no-metrics",
        "stopped",
        "stopped-unobserved",
    ]


@pytest.mark.rule("The algorithm is told only of the trials that changed since it was asked")
def test_history_tells_what_is_new_only() -> None:
    store = MemoryStore(FakeClock())
    first = store.create(TRIALS, a_trial("first"))
    history = StoredHistory(store, KEY)
    _, version = history.changed_since(0)
    assert seen(history, version) == []
    store.create(TRIALS, a_trial("second"))
    store.update_status(TRIALS, replace(first, status=a_trial("", "Running").status))
    assert seen(history, version) == ["second", "first"]


@pytest.mark.rule("A suggestion that vanishes while the algorithm is asked is an error")
def test_a_suggestion_that_vanishes_meanwhile() -> None:
    def vanish(request: SuggestionRequest) -> SuggestionReply:
        stage.store.delete(SUGGESTIONS, KEY)
        return as_many_as_asked(request)

    stage = Stage(Suggester(vanish))
    with pytest.raises(NotFoundError):
        stage.reconcile()
    assert stage.reconcile() == DONE


@pytest.mark.rule("A validation that breaks down is tried again and never counts as passed")
def test_a_validation_that_breaks_down() -> None:
    stage = Stage(Suggester(refusal=ZeroDivisionError("by nought")))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            stage.reconcile()
    why = "The algorithm failed 2 times in a row: ZeroDivisionError: by nought"
    assert stage.conditions() == [("Progressing", "False", "AlgorithmFailed", why), CREATED]
    assert stage.suggester.asked == []
    stage.suggester.refusal = None
    assert stage.reconcile() == DONE
    assert stage.conditions() == [CREATED, RUNNING]


@pytest.mark.rule("An algorithm that cannot be reached for its validation is waited for")
def test_an_algorithm_that_cannot_be_reached_for_its_validation() -> None:
    stage = Stage(Suggester(refusal=AlgorithmUnavailableError("tpe:6789", "connection refused")))
    assert stage.reconcile() == Result(retry_after_seconds=ASK_AGAIN)
    assert stage.conditions()[0][:3] == ("Progressing", "False", "AlgorithmUnavailable")
    stage.suggester.refusal = None
    assert stage.reconcile() == DONE
    assert stage.values() == ["0", "1", "2"]


@pytest.mark.rule("Early stopping rules that come with an assignment are kept with it")
def test_rules_of_an_assignment_are_kept() -> None:
    rule = EarlyStoppingRule(name="loss", value="1", comparison="greater", start_step=4)
    given = TrialAssignment(name="mine", early_stopping_rules=(rule,))
    stage = Stage(Suggester(lambda _: SuggestionReply([given])), requests=1)
    stage.reconcile()
    assert stage.suggestion.status.suggestions[0].early_stopping_rules == (rule,)


def test_the_suggestions_of_others_are_left_to_them() -> None:
    stage = Stage()
    others = SuggestionReconciler(
        stage.store, stage.suggester, stage.clock, is_mine=lambda experiment: False
    )
    heard: list[Event] = []
    stage.store.subscribe(heard.append)
    metadata = ObjectMeta(name="two", namespace="default")
    stage.store.create(SUGGESTIONS, Suggestion(metadata=metadata))
    suggestion = stage.suggestion
    stage.store.update(SUGGESTIONS, replace(suggestion, spec=SuggestionSpec(requests=4)))
    # Of one whose experiment is gone nobody knows whose it is.
    assert [list(others.keys(event)) for event in heard] == [[Key("default", "two")], []]
    assert others.reconcile(KEY) == DONE
    assert stage.suggester.asked == []
