"""The pages as a visitor sees them, drawn from a real server; their scripts are not run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import msgspec
import pytest
from nicegui import ElementFilter, core, ui
from nicegui.testing import User
from nicegui.testing.general import nicegui_reset_globals, prepare_simulation

from katib.api.experiment import (
    EXPERIMENTS,
    Experiment,
    ExperimentStatus,
    GraphConfig,
    NasConfig,
    OptimalTrial,
)
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.api.values import Condition, Key, NameValue, Strings
from katib.client.http import Access, HttpBackend
from katib.ports.observation_log import MetricEntry
from katib.search.algorithms.pbt import GENERATION, MEMBER, PARENT
from katib.testing.builders import CREATED_AT, a_running_trial, a_succeeded_trial, an_experiment
from katib.web.chart_view import ChartView
from katib.web.guarding import Door
from katib.web.reports import Reports
from katib.web.rights import OwnerRights
from katib.web.serving import make_app
from katib.web.site import Site
from katib.web.tables import Tables
from katib.web.watched import Sources
from served_home import TOKEN, Home, listening

NETWORK = (
    "{'num_layers': 1, 'input_sizes': [8, 6, 1], 'output_sizes': [10], 'embedding': {"
    "'0': {'opt_id': 0, 'opt_type': 'convolution', 'opt_params': {'num_filter': '4'}}}}"
)


def create(home: Home, experiment: Experiment, *trials: Mapping[str, str], **labels: str) -> None:
    """An experiment and its trials, which have succeeded and reported; each tells its ``loss``."""
    home.store.create(EXPERIMENTS, experiment)
    for number, told in enumerate(trials):
        name = f"{experiment.metadata.name}-{number}"
        pairs = [NameValue(name=key, value=text) for key, text in told.items() if key != "loss"]
        assignment = TrialAssignment(
            name=name, parameter_assignments=tuple(pairs), labels=Strings(labels) or None
        )
        trial = a_succeeded_trial(a_running_trial(experiment, name, assignment), told["loss"])
        home.store.create(TRIALS, trial)
        entries = [
            MetricEntry(CREATED_AT + timedelta(seconds=step), "loss", str(step)) for step in (1, 2)
        ]
        home.observations.report(Key("default", name), entries)


@asynccontextmanager
async def visiting(home: Home) -> AsyncIterator[User]:
    """Somebody who looks at the UI of a home."""
    with listening(home) as port, nicegui_reset_globals():
        headers = {"Authorization": f"Bearer {TOKEN}"}
        backend = HttpBackend(Access(f"http://127.0.0.1:{port}", headers=lambda: headers))
        sources = Sources(backend)
        site = Site(
            backend=backend,
            rights=OwnerRights(),
            sources=sources,
            tables=Tables(sources),
            reports=Reports(backend),
            door=Door(hosts=("localhost",)),
        )
        prepare_simulation()
        app = make_app(site)
        transport = httpx.ASGITransport(app)
        async with (
            core.app.router.lifespan_context(core.app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            yield User(client)
        sources.close()


def see(home: Home, look: Callable[[User], Awaitable[None]]) -> None:
    async def visit() -> None:
        async with visiting(home) as user:
            await look(user)

    asyncio.run(visit())


@pytest.fixture
def home() -> Home:
    return Home()


def a_space() -> Experiment:
    builder = an_experiment().named("one").with_objective("loss", goal=0.1, additional=["seconds"])
    builder.with_parameter("lr", min="0.01", max="0.1").with_parameter("momentum", min="0", max="1")
    return builder.build()


VALUES = tuple(
    {"lr": f"0.0{number}", "momentum": f"0.{number}", "loss": f"0.{9 - number}"}
    for number in range(1, 6)
)


def charts(user: User) -> list[str]:
    """What the charts of a page show, in words."""
    with user:
        found = ElementFilter(kind=ChartView)
        return [one.options["aria"]["label"]["description"] for one in found if one.options]


async def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


def test_an_overview_tells_progress_the_goal_and_the_best_trial(home: Home) -> None:
    create(home, a_space(), *VALUES)
    stored = home.store.get(EXPERIMENTS, Key("default", "one"))
    best = home.store.get(TRIALS, Key("default", "one-4"))
    assert best.status.observation is not None
    optimal = OptimalTrial(
        best_trial_name="one-4",
        parameter_assignments=best.spec.parameter_assignments,
        observation=best.status.observation,
    )
    running = Condition(type="Running", status="True", message="Experiment is running")
    status = ExperimentStatus(
        conditions=(running,), trials=5, trials_succeeded=5, current_optimal_trial=optimal
    )
    home.store.update_status(EXPERIMENTS, msgspec.structs.replace(stored, status=status))

    async def look(user: User) -> None:
        await user.open("/experiment/default/one")
        await user.should_see("5 of 12 trials ended", retries=60)
        await user.should_see("Goal: loss ≤ 0.1; the best is 0.4")
        await user.should_see("one-4")
        await user.should_see("Experiment is running")
        await user.should_not_see("Architecture")
        await user.should_not_see("Population")

    see(home, look)


def test_chosen_plots_are_drawn_and_no_others(home: Home) -> None:
    create(home, a_space(), *VALUES)

    async def look(user: User) -> None:
        await user.open("/experiment/default/one?tab=plots&plots=history,contour,curves,timeline")
        await wait_for(lambda: len(charts(user)) == 4)
        assert charts(user) == [
            "loss of 5 trials in the order of their creation",
            "loss over lr and momentum, from 5 trials",
            "loss of 5 trials, report by report",
            "5 trials from beginning to end, which are known to the second: "
            "shorter trials may lie over each other",
        ]
        user.find("Slices").click()
        await wait_for(lambda: len(charts(user)) == 6)
        assert "loss against momentum, 5 trials" in charts(user)

    see(home, look)


def test_an_address_names_the_axes_of_a_map_and_a_front_of_one_metric_says_why(home: Home) -> None:
    create(home, a_space(), *VALUES)

    async def look(user: User) -> None:
        await user.open("/experiment/default/one?tab=plots&plots=contour,pareto&x=momentum&y=lr")
        await wait_for(lambda: bool(charts(user)))
        assert charts(user)[0] == "loss over momentum and lr, from 5 trials"

    see(home, look)


def test_without_trials_no_plot_is_drawn(home: Home) -> None:
    create(home, a_space())

    async def look(user: User) -> None:
        await user.open("/experiment/default/one?tab=plots")
        await user.should_see("No trial has a value yet.", retries=60)
        assert charts(user) == []

    see(home, look)


def test_trials_are_filtered_by_the_address_and_a_wrong_filter_is_told(home: Home) -> None:
    create(home, a_space(), *VALUES)

    async def look(user: User) -> None:
        user.javascript_rules[re.compile("localStorage.*")] = lambda _: None
        await user.open("/experiment/default/one?tab=trials&filter=lr<0.03&sort=m:loss")
        await user.should_see("2 of 5 trials", retries=60)
        with user:
            (table,) = ElementFilter(kind=ui.table)
        assert [row["name"] for row in table.rows] == ["one-1", "one-0"]
        user.find("Filter").clear().type("lrr<1")
        await user.should_see('unknown parameter or metric "lrr"', retries=60)

    see(home, look)


def test_architectures_are_drawn_the_best_first(home: Home) -> None:
    space = an_experiment().named("search").with_objective("loss").with_algorithm("enas").build()
    graph = NasConfig(graph_config=GraphConfig(num_layers=1))
    spec = msgspec.structs.replace(space.spec, parameters=(), nas_config=graph)
    told = {"architecture": "[[0]]", "nn_config": NETWORK}
    found = [{**told, "loss": "0.5"}, {**told, "loss": "0.25"}, {"loss": "0.75"}]
    create(home, msgspec.structs.replace(space, spec=spec), *found)

    async def look(user: User) -> None:
        await user.open("/experiment/default/search?tab=networks")
        await user.should_see("Download SVG", retries=60)
        with user:
            (choice,) = ElementFilter(kind=ui.select)
            assert choice.value == "search-1"
            pictures = [one.content for one in ElementFilter(kind=ui.html)]
            assert any('alt="Network of trial search-1"' in one for one in pictures)
            choice.set_value("search-2")
        await user.should_see('trial "search-2" has no architecture', retries=60)

    see(home, look)


def test_a_population_is_drawn_with_the_ancestors_of_the_best(home: Home) -> None:
    space = an_experiment().named("folk").with_objective("loss").with_algorithm("pbt").build()
    create(home, space, {"lr": "0.05", "loss": "0.5"}, **{MEMBER: "0", GENERATION: "0"})
    labels = Strings({MEMBER: "0", GENERATION: "1", PARENT: "folk-0"})
    pairs = (NameValue(name="lr", value="0.06"),)
    assignment = TrialAssignment(name="child", parameter_assignments=pairs, labels=labels)
    child = a_running_trial(space, "child", assignment)
    home.store.create(TRIALS, a_succeeded_trial(child, "0.25"))

    async def look(user: User) -> None:
        await user.open("/experiment/default/folk?tab=population")
        await wait_for(lambda: bool(charts(user)))
        assert charts(user) == ["loss of 2 trials in 2 generations"]
        with user:
            (table,) = ElementFilter(kind=ui.table)
        assert [row["trial"] for row in table.rows] == ["folk-0", "child"]

    see(home, look)


def test_experiments_are_compared(home: Home) -> None:
    create(home, an_experiment().named("one").with_trials(5).build(), *VALUES)
    create(home, an_experiment().named("two").with_trials(9).build(), *VALUES[:2])

    async def look(user: User) -> None:
        keys = "&".join(f"experiment=default/{name}" for name in ("one", "two", "none"))
        await user.open(f"/compare?{keys}")
        await user.should_see("There is no experiment none in namespace default.", retries=60)
        await wait_for(lambda: charts(user) == ["Best loss so far of 2 experiments"])
        with user:
            (table,) = ElementFilter(kind=ui.table)
        rows = {row["name"]: row for row in table.rows}
        assert [rows["Trials at most"][key] for key in ("differs", "c0", "c1")] == [True, "5", "9"]
        assert not rows["Algorithm"]["differs"]
        assert [one["label"] for one in table.columns] == ["", "one", "two"]

    see(home, look)


def test_trials_are_compared(home: Home) -> None:
    create(home, a_space(), *VALUES)

    async def look(user: User) -> None:
        await user.open("/compare?trial=default/one/one-0&trial=default/one/one-3&trial=no/sense")
        await wait_for(lambda: charts(user) == ["loss of 2 trials, report by report"])
        with user:
            (table,) = ElementFilter(kind=ui.table)
        rows = {row["name"]: row for row in table.rows}
        assert [rows["lr"][key] for key in ("differs", "c0", "c1")] == [True, "0.01", "0.04"]

    see(home, look)


def test_nothing_to_compare_says_how_to_choose(home: Home) -> None:
    async def look(user: User) -> None:
        await user.open("/compare")
        await user.should_see("Nothing is named to be compared")

    see(home, look)


def test_a_trial_tells_what_it_was_given_and_leads_to_its_neighbours(home: Home) -> None:
    create(home, a_space(), *VALUES)

    async def look(user: User) -> None:
        await user.open("/experiment/default/one/trial/one-4")
        await user.should_see("5 of 5", retries=60)
        await user.should_see("best trial")
        await user.should_see("Previous")
        await user.should_not_see("Next")
        await wait_for(lambda: charts(user) == ["Reports of loss"])
        with user:
            assigned, metrics, conditions = ElementFilter(kind=ui.table)
        assert {row["name"]: row["value"] for row in assigned.rows} == {
            "lr": "0.05",
            "momentum": "0.5",
        }
        assert metrics.rows == [{"name": "loss", "latest": "0.4", "min": "0.4", "max": "0.4"}]
        assert conditions.rows[0]["type"] == "Succeeded"

    see(home, look)


def test_a_trial_that_failed_says_why(home: Home) -> None:
    space = a_space()
    create(home, space)
    trial = a_running_trial(space, "bad", TrialAssignment(name="bad"))
    failed = Condition(
        type="Failed", status="True", reason="TrialFailed", message="exit code 3: no such file"
    )
    conditions = (*trial.status.conditions, failed)
    status = msgspec.structs.replace(trial.status, conditions=conditions)
    home.store.create(TRIALS, msgspec.structs.replace(trial, status=status))

    async def look(user: User) -> None:
        await user.open("/experiment/default/one/trial/bad")
        await user.should_see("It failed: exit code 3: no such file (TrialFailed)", retries=60)

    see(home, look)


def test_what_is_not_there_is_told(home: Home) -> None:
    create(home, a_space())

    async def look(user: User) -> None:
        await user.open("/experiment/default/none")
        await user.should_see("There is no experiment none in namespace default.", retries=60)
        await user.open("/experiment/default/one/trial/none")
        await user.should_see("There is no trial none in namespace default.", retries=60)

    see(home, look)
