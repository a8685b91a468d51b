"""Copies of resources, kept up to date by a real server's watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from katib.api.experiment import EXPERIMENTS
from katib.api.names import SUCCEEDED
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.api.values import Key
from katib.client.analysis.importances import Importances
from katib.client.http import Access, HttpBackend
from katib.client.trial_table import TrialTable
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.web import tables as tables_module
from katib.web.tables import PATIENCE, Rows, Tables
from katib.web.watched import KEPT_SECONDS, Scope, Sources
from served_home import TOKEN, Home, listening

EVERYTHING = Scope("experiments", "default")
TRIALS_OF_ONE = Scope("trials", "default", "one")


class Watch:
    """A home, and the copies that somebody keeps of it."""

    def __init__(self, port: int, home: Home) -> None:
        self.home = home
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.backend = HttpBackend(Access(f"http://127.0.0.1:{port}", headers=lambda: headers))
        self.now = 0.0
        self.sources = Sources(self.backend, lambda: self.now)

    def create_trial(self, name: str, value: str) -> None:
        """A trial of the experiment ``one`` that has succeeded."""
        store = self.home.store
        experiment = store.get(EXPERIMENTS, Key("default", "one"))
        assignment = TrialAssignment(name=name)
        trial = a_succeeded_trial(a_running_trial(experiment, name, assignment), value)
        store.create(TRIALS, trial)


@pytest.fixture
def watch() -> Iterator[Watch]:
    home = Home()
    home.store.create(EXPERIMENTS, an_experiment().named("one").build())
    with listening(home) as port:
        watch = Watch(port, home)
        yield watch
        watch.sources.close()


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def test_a_copy_has_what_there_is_and_follows_what_happens(watch: Watch) -> None:
    copy = watch.sources.find(EVERYTHING)
    wait_for(lambda: copy.is_known)
    assert [one["metadata"]["name"] for one in copy.list()] == ["one"]
    before = copy.version
    watch.home.store.create(EXPERIMENTS, an_experiment().named("two").build())
    wait_for(lambda: copy.find("default", "two") is not None)
    assert copy.version > before
    watch.home.store.delete(EXPERIMENTS, Key("default", "one"))
    wait_for(lambda: copy.find("default", "one") is None)
    assert not copy.problem


def test_a_copy_of_trials_is_of_one_experiment_and_light(watch: Watch) -> None:
    watch.home.store.create(EXPERIMENTS, an_experiment().named("two").build())
    watch.create_trial("one-a", "0.5")
    copy = watch.sources.find(TRIALS_OF_ONE)
    wait_for(lambda: len(copy.list()) == 1)
    trial = copy.list()[0]
    assert "runSpec" not in trial["spec"]
    assert watch.sources.find(Scope("trials", "default", "two")).list() == []


def test_what_all_trials_say_is_kept_once(watch: Watch) -> None:
    copy = watch.sources.find(TRIALS_OF_ONE)
    for name in ("one-a", "one-b"):
        watch.create_trial(name, "0.5")
    wait_for(lambda: len(copy.list()) == 2)
    first, second = (one["status"]["conditions"][-1]["reason"] for one in copy.list())
    assert first is second


def test_everybody_who_looks_shares_one_copy_until_nobody_does(watch: Watch) -> None:
    copy = watch.sources.find(EVERYTHING)
    assert watch.sources.find(EVERYTHING) is copy
    watch.now = KEPT_SECONDS + 1
    watch.sources.find(TRIALS_OF_ONE)
    assert set(watch.sources.kept) == {TRIALS_OF_ONE}
    assert watch.sources.find(EVERYTHING) is not copy


def test_a_copy_says_why_it_may_be_old() -> None:
    home = Home()
    with listening(home) as port:
        pass
    sources = Sources(HttpBackend(Access(f"http://127.0.0.1:{port}")))
    copy = sources.find(EVERYTHING)
    wait_for(lambda: "does not answer" in copy.problem)
    assert not copy.is_known
    sources.close()


def test_a_refusal_is_told(watch: Watch) -> None:
    backend = HttpBackend(Access(watch.backend._access.address))
    sources = Sources(backend)
    copy = sources.find(EVERYTHING)
    wait_for(lambda: "nauthorized" in copy.problem)
    sources.close()


def test_a_table_is_made_of_the_copies_and_made_anew_when_they_change(watch: Watch) -> None:
    watch.create_trial("one-a", "0.5")
    tables = Tables(watch.sources, time.monotonic)
    wait_for(lambda: tables.find("default", "one")[0] is not None)
    table, version = tables.find("default", "one")
    assert table is not None
    assert table.names == ("one-a",)
    watch.create_trial("one-b", "0.25")
    wait_for(lambda: tables.find("default", "one")[1] != version)
    again, _ = tables.find("default", "one")
    assert again is not None
    assert set(again.names) == {"one-a", "one-b"}


def test_of_trials_only_those_that_have_changed_are_read_again() -> None:
    rows = Rows()
    one, two = ({"metadata": {"name": name}, "spec": {}} for name in ("one", "two"))
    first = [rows.read(one), rows.read(two)]
    rows.forget()
    changed = {**two, "status": {"startTime": "2026-01-01T00:00:00Z"}}
    again = [rows.read(one), rows.read(changed)]
    assert again[0] is first[0]
    assert (first[1].started, again[1].started is None) == (None, False)
    rows.forget()
    rows.forget()
    assert rows.read(one) is not first[0], "nobody has asked for it meanwhile"


def test_what_may_have_changed_is_told_once_more_when_a_table_is_made_seldom(watch: Watch) -> None:
    watch.create_trial("one-a", "0.5")
    now = 0.0
    tables = Tables(watch.sources, lambda: now)
    wait_for(lambda: tables.find("default", "one")[0] is not None)
    drawn = tables._drawn["default", "one"]
    drawn.took, drawn.made = 1.0, now
    still = tables.progress("default", "one")
    assert tables.progress("default", "one") == still
    watch.create_trial("one-b", "0.25")
    wait_for(lambda: tables.progress("default", "one") != still)
    early = tables.progress("default", "one")
    table, _ = tables.find("default", "one")
    assert table is not None
    assert len(table) == 1, "it is too early"
    now = PATIENCE
    assert tables.progress("default", "one") != early, "its time has come"
    table, _ = tables.find("default", "one")
    assert table is not None
    assert len(table) == 2


def test_importances_are_computed_once_for_a_table(watch: Watch) -> None:
    for number in range(4):
        watch.create_trial(f"one-{number}", str(number))
    tables = Tables(watch.sources, time.monotonic)
    wait_for(lambda: len(tables.find("default", "one")[0] or ()) == 4)
    table, _ = tables.find("default", "one")
    assert table is not None
    assert tables.importances(table) is tables.importances(table)


def test_importances_of_very_many_trials_are_not_computed_for_each_new_one(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(table: TrialTable) -> Importances:
        return Importances({}, {}, len(table))

    # By the module itself: tests of pages forget packages, so that its name may lead elsewhere.
    monkeypatch.setattr(tables_module, "importances", counted)
    tables = Tables(watch.sources, time.monotonic)
    watch.create_trial("one-0", "0")
    wait_for(lambda: tables.find("default", "one")[0] is not None)

    def table_of(count: int, first: str = "one-0") -> TrialTable:
        table, _ = tables.find("default", "one")
        assert table is not None
        names = (first, *(f"one-{number}" for number in range(1, count)))
        return replace(table, names=names, statuses=(SUCCEEDED,) * count)

    tables_seen = (table_of(100), table_of(102), table_of(103), table_of(50), table_of(50, "new"))
    found = [tables.importances(table) for table in tables_seen]
    assert [one.trials for one in found] == [100, 100, 103, 50, 50]
    assert found[3] is not found[4]


def test_it_is_known_that_an_experiment_is_not_there(watch: Watch) -> None:
    tables = Tables(watch.sources)
    wait_for(lambda: tables.find_experiment("default", "none") == (None, True))
