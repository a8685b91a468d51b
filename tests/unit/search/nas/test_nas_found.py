from __future__ import annotations

import ast
from collections.abc import Mapping
from xml.etree import ElementTree

import msgspec
import pytest
from architecture_spaces import CONVOLUTION, a_parameter, a_search, an_operation

from katib.api import names
from katib.api.experiment import GraphConfig, Metric, Observation
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import NameValue, ObjectMeta
from katib.search.algorithms.darts import Darts
from katib.search.algorithms.random import RandomSearch
from katib.search.nas.cell_source import cell_source
from katib.search.nas.drawing import Arrow, Box, drawings_of
from katib.search.nas.found import FoundCells, FoundLayers, NoArchitectureError, find_network
from katib.search.nas.genotype import Genotype
from katib.search.nas.layer_source import layer_source
from katib.search.nas.svg import svg_of
from katib.testing.builders import a_running_trial, an_experiment

POOLING = an_operation(
    "reduction",
    a_parameter("reduction_type", names.CATEGORICAL, "avg_pooling"),
    a_parameter("pool_size", names.INT, min="2", max="2", step="1"),
)
TEXT = (
    "Genotype(normal=[[('skip_connection',0),('max_pooling_3x3',1)],"
    "[('dilated_convolution_5x5',2),('skip_connection',0)]],normal_concat=range(2,4),"
    "reduce=[],reduce_concat=range(2,4))"
)
NETWORK = (
    "{'num_layers': 2, 'input_sizes': [8, 6, 1], 'output_sizes': [10], 'embedding': {"
    "'0': {'opt_id': 0, 'opt_type': 'convolution', 'opt_params': {'num_filter': '4'}}, "
    "'1': {'opt_id': 1, 'opt_type': 'reduction', 'opt_params': {'pool_size': 2}}}}"
)


def a_trial(values: Mapping[str, str], *metrics: tuple[str, str]) -> Trial:
    return Trial(
        metadata=ObjectMeta(name="t", namespace="default"),
        spec=TrialSpec(
            parameter_assignments=tuple(NameValue(name=n, value=v) for n, v in values.items())
        ),
        status=TrialStatus(
            observation=Observation(
                metrics=tuple(Metric(name=name, latest=text) for name, text in metrics)
            )
        ),
    )


def layers() -> FoundLayers:
    found = find_network(a_trial({"architecture": "[[0], [1, 1]]", "nn_config": NETWORK}))
    assert isinstance(found, FoundLayers)
    return found


def cells(genotype: str = TEXT, count: str = "3") -> FoundCells:
    values = {
        "algorithm-settings": "{'init_channels': '8', 'stem_multiplier': 2, 'w_lr': 0.1}",
        "search-space": "['skip_connection']",
        "num-layers": count,
    }
    found = find_network(a_trial(values, ("Best-Top1", "0.5"), ("Best-Genotype", genotype)))
    assert isinstance(found, FoundCells)
    return found


def test_a_genotype_is_read() -> None:
    found = cells()
    assert (found.layers, found.channels, found.stem) == (3, 8, 2)
    assert found.genotype == Genotype(
        (
            (("skip_connection", 0), ("max_pooling_3x3", 1)),
            (("dilated_convolution_5x5", 2), ("skip_connection", 0)),
        ),
        (2, 3),
        (),
        (2, 3),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.5", "it does not begin with Genotype("),
        ("Genotype(normal=[])", "it has no reduce"),
        (
            "Genotype(normal=[[('a',2)]],reduce=[],normal_concat=[2],reduce_concat=[])",
            "node 2 prec",
        ),
        ("Genotype(normal=__import__('os'),reduce=[])", "malformed node"),
        ("Genotype(normal=[", "never closed"),
        ("Genotype(normal=[[('a','b')]],reduce=[],normal_concat=[],reduce_concat=[])", "`int`"),
    ],
)
def test_texts_that_are_no_genotype(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"is no genotype: ") as caught:
        Genotype.of(text)
    assert why in str(caught.value)


@pytest.mark.parametrize("algorithm", ["random", "darts"])
def test_what_the_algorithms_tell_trials_is_found(algorithm: str) -> None:
    graph = GraphConfig(num_layers=3, input_sizes=(8, 8, 3), output_sizes=(10,))
    experiment = a_search(algorithm, (CONVOLUTION, POOLING), graph)
    search = (RandomSearch if algorithm == "random" else Darts)(experiment, 1)
    trial = a_running_trial(experiment, "t", search.suggest(0, 1).assignments[0])
    if algorithm == "darts":
        reported = Observation(metrics=(Metric(name="g", latest=TEXT),))
        status = msgspec.structs.replace(trial.status, observation=reported)
        trial = msgspec.structs.replace(trial, status=status)
    found = find_network(trial)
    assert isinstance(found, FoundLayers if algorithm == "random" else FoundCells)


NOTHING = {
    "parameters": ({"lr": "0.1"}, "its parameters are lr; architecture and nn_config, or"),
    "no genotype": (
        {"search-space": "[]", "num-layers": "1"},
        "it has not reported a genotype, which is what its search ends with",
    ),
    "no rows": (
        {"architecture": "[[0], [1]]", "nn_config": NETWORK},
        "is no architecture of 2 lay",
    ),
    "an operation that is not described": (
        {"architecture": "[[0]]", "nn_config": NETWORK.replace("'0': {", "'7': {")},
        "nn_config does not say what operation 0 is",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_trials_without_an_architecture(case: str) -> None:
    values, why = NOTHING[case]
    with pytest.raises(NoArchitectureError) as caught:
        find_network(a_trial(values))
    assert str(caught.value).startswith('trial "t" has no architecture: ')
    assert why in str(caught.value)


def test_layers_are_drawn() -> None:
    [drawing] = drawings_of(layers())
    assert drawing.boxes == [
        Box("0", "pictures", "8 x 6 x 1"),
        Box("1", "convolution", "num filter 4"),
        Box("2", "reduction", "pool size 2"),
        Box("out", "answers", "10"),
    ]
    assert drawing.arrows == [
        Arrow("0", "1"),
        Arrow("1", "2"),
        Arrow("0", "2", is_skip=True),
        Arrow("2", "out"),
    ]


def test_cells_are_drawn_by_their_kinds() -> None:
    reduce = TEXT.replace("reduce=[]", "reduce=[[('skip_connection',1),('skip_connection',0)]]")
    normal, other = drawings_of(cells(reduce))
    assert (normal.title, other.title) == ("normal cell", "reduction cell")
    assert [box.title for box in normal.boxes] == [
        "cell before the last",
        "last cell",
        "node 0",
        "node 1",
        "output",
    ]
    assert Arrow("2", "3", "dilated convolution 5x5") in normal.arrows
    assert Arrow("0", "3", "skip connection", is_skip=True) in normal.arrows
    [only] = drawings_of(cells())
    assert only.title == "normal cell"


@pytest.mark.parametrize("found", [layers(), cells()], ids=["layers", "cells"])
def test_a_drawing_is_a_picture_that_holds_all_of_it(found: FoundLayers | FoundCells) -> None:
    drawings = drawings_of(found)
    root = ElementTree.fromstring(svg_of(drawings))
    space = "{http://www.w3.org/2000/svg}"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = list(root.iter(f"{space}rect"))
    assert len(boxes) == sum(len(drawing.boxes) for drawing in drawings)
    for box in boxes:
        assert 0 <= float(box.attrib["x"]) <= width - float(box.attrib["width"])
        assert 0 <= float(box.attrib["y"]) <= height - float(box.attrib["height"])
    words = {text.text for text in root.iter(f"{space}text")}
    assert {box.title for drawing in drawings for box in drawing.boxes} <= words


def test_the_texts_of_a_document_are_no_markup() -> None:
    network = NETWORK.replace("'pool_size': 2", "'kind': '<b>&'")
    found = find_network(a_trial({"architecture": "[[0], [1, 1]]", "nn_config": network}))
    assert "kind &lt;b&gt;&amp;" in svg_of(drawings_of(found))


def test_the_sources_are_python() -> None:
    for source in (layer_source(layers(), "One."), cell_source(cells(), "Two.")):
        classes = [one.name for one in ast.parse(source).body if isinstance(one, ast.ClassDef)]
        assert classes[0] == "Network"
        assert max(map(len, source.splitlines())) <= 100


def test_operations_that_nobody_can_write() -> None:
    network = NETWORK.replace("'reduction'", "'magic'")
    found = find_network(a_trial({"architecture": "[[0], [1, 1]]", "nn_config": network}))
    assert isinstance(found, FoundLayers)
    with pytest.raises(ValueError, match=r'the operation "magic" is not known to katib nas export'):
        layer_source(found, "")
    with pytest.raises(ValueError, match=r'the operation "magic_3x3" is not known'):
        cell_source(cells(TEXT.replace("max_pooling", "magic")), "")
    wide = find_network(
        a_trial({"architecture": "[[0], [1, 1]]", "nn_config": NETWORK.replace("'4'", "'wide'")})
    )
    assert isinstance(wide, FoundLayers)
    with pytest.raises(ValueError, match="num_filter is 'wide', which is no whole number"):
        layer_source(wide, "")


def test_a_search_of_parameters_has_no_architecture() -> None:
    experiment = an_experiment().with_parameter("x", min="0", max="1").build()
    (assignment,) = RandomSearch(experiment, 1).suggest(0, 1).assignments
    with pytest.raises(NoArchitectureError):
        find_network(a_running_trial(experiment, "t", assignment))
