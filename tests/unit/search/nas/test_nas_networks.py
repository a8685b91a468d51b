from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest
from architecture_spaces import CONVOLUTION, a_parameter, a_search, an_operation

from katib.api import names
from katib.api.experiment import GraphConfig
from katib.errors import SettingsError
from katib.search.algorithm import Algorithm
from katib.search.algorithms.enas import Enas
from katib.search.algorithms.random import RandomSearch
from katib.search.algorithms.regularized_evolution import RegularizedEvolution
from katib.search.nas.architecture import Architecture
from katib.search.nas.networks import MOST_LAYERS, Networks
from katib.testing.builders import a_running_trial

ALGORITHMS: dict[str, type[Algorithm]] = {
    "enas": Enas,
    "random": RandomSearch,
    "regularized-evolution": RegularizedEvolution,
}
ONE_OPERATION = an_operation("convolution", a_parameter("size", names.CATEGORICAL, "3"))


def a_graph(layers: int, **sizes: tuple[int, ...]) -> GraphConfig:
    usual: dict[str, tuple[int, ...]] = {"input_sizes": (8, 8, 1), "output_sizes": (10,)}
    return GraphConfig(num_layers=layers, **{**usual, **sizes})


def networks(layers: int) -> Networks:
    return Networks(a_search("random", (CONVOLUTION,), a_graph(layers)))


def differences(one: Architecture, other: Architecture) -> list[tuple[int, int]]:
    return [
        (layer, place)
        for layer, (old, new) in enumerate(zip(one, other, strict=True))
        for place, (before, after) in enumerate(zip(old, new, strict=True))
        if before != after
    ]


def test_all_architectures_have_the_same_chance() -> None:
    some = networks(2)
    random = Random(1)
    counts = Counter(some.draw(random) for _ in range(6400))
    assert len(counts) == some.size == 4 * 4 * 2
    assert min(counts.values()) > 140
    assert max(counts.values()) < 260


def test_a_mutation_changes_one_thing_and_each_thing_sometimes() -> None:
    some, random = networks(3), Random(2)
    start = some.draw(random)
    changed = [differences(start, some.mutate(start, random)) for _ in range(400)]
    assert {len(places) for places in changed} == {1}
    counts = Counter(place == 0 for [(_, place)] in changed)
    assert 150 < counts[True] < 250
    assert {places[0] for places in changed} == {(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2)}


@pytest.mark.parametrize(("layers", "is_alone"), [(1, True), (2, False)])
def test_a_mutation_of_all_there_is(layers: int, is_alone: bool) -> None:
    """With one operation only skip connections can change, and with one layer nothing can."""
    experiment = a_search("random", (ONE_OPERATION,), a_graph(layers))
    some, random = Networks(experiment), Random(3)
    start = some.draw(random)
    assert (some.mutate(start, random) == start) is is_alone


def test_a_new_one_is_made_until_all_are_known() -> None:
    some = networks(1)
    answers: list[Architecture] = [((0,),), ((1,),), ((2,),), ((3,),)]
    assert some.make_new({((0,),), ((1,),)}, answers.__getitem__) == ((2,),)
    assert some.make_new(set(answers), answers.__getitem__) == ((0,),)
    assert some.make_new({((0,),)}, lambda _: ((0,),)) == ((0,),)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_trial_is_told_what_can_be_read_back(name: str) -> None:
    experiment = a_search(name, (CONVOLUTION,), a_graph(3))
    (assignment,) = ALGORITHMS[name](experiment, 1).suggest(0, 1).assignments
    trial = a_running_trial(experiment, "t", assignment)
    architecture = Networks(experiment).find_architecture(trial)
    assert architecture is not None
    told = {pair.name: pair.value for pair in assignment.parameter_assignments}
    assert json.loads(told["architecture"]) == [list(row) for row in architecture]
    assert "embedding" in json.loads(told["nn_config"].replace("'", '"'))


IMPOSSIBLE: dict[str, tuple[GraphConfig, str]] = {
    "a size of nothing": (
        a_graph(1, input_sizes=(8, 0, 1)),
        "spec.nasConfig.graphConfig.inputSizes[1] is 0; a size is a whole number from 1 on",
    ),
    "fewer classes than none": (
        a_graph(1, output_sizes=(-2,)),
        "spec.nasConfig.graphConfig.outputSizes[0] is -2; a size is a whole number from 1 on",
    ),
    "more layers than a command line can hold": (
        a_graph(MOST_LAYERS + 1),
        f"spec.nasConfig.graphConfig.numLayers is {MOST_LAYERS + 1}; {MOST_LAYERS} are the most, "
        "since the text of an architecture has to fit into a command line",
    ),
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_graphs_are_refused(name: str, case: str) -> None:
    graph, message = IMPOSSIBLE[case]
    with pytest.raises(SettingsError) as caught:
        ALGORITHMS[name].validate(a_search(name, (CONVOLUTION,), graph))
    [problem] = caught.value.problems
    assert (problem.path, problem.detail) == ("spec.nasConfig", message)


def test_the_largest_architecture_fits_into_a_command_line() -> None:
    experiment = a_search("random", (CONVOLUTION,), a_graph(MOST_LAYERS))
    RandomSearch.validate(experiment)
    (assignment,) = RandomSearch(experiment, 1).suggest(0, 1).assignments
    assert max(len(pair.value) for pair in assignment.parameter_assignments) < 1 << 17
