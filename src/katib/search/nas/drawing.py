"""Networks as boxes and arrows, for whoever draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from katib.search.nas.found import Found, FoundCells, FoundLayers
from katib.search.nas.genotype import Edge
from katib.search.nas.operations import Argument


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        name: other than that of any other box of its drawing.
        title: what it is.
        detail: more about it; may be empty.
    """

    name: str
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to a later one.

    Attributes:
        source: the name of the box where it begins.
        target: the name of the box where it ends.
        title: what happens on the way; may be empty.
        is_skip: it passes boxes between.
    """

    source: str
    target: str
    title: str = ""
    is_skip: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes from the input to the output, each after all that have an arrow to it.

    Attributes:
        title: what it shows.
        boxes: in order.
        arrows: by the order of their targets.
    """

    title: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def drawings_of(found: Found) -> Sequence[Drawing]:
    """One for a chain of layers; one for each kind of cell that a network of cells has."""
    if isinstance(found, FoundLayers):
        return [_layers(found)]
    return [*_cells(found)]


def _layers(found: FoundLayers) -> Drawing:
    last = len(found.architecture)
    boxes = [Box("0", "pictures", " x ".join(map(str, found.inputs)))]
    arrows = []
    for number, (operation, *_) in enumerate(found.architecture):
        choice = found.operations[operation]
        boxes.append(Box(str(number + 1), _words(choice.type), _detail(choice.arguments)))
        arrows += [
            Arrow(str(node), str(number + 1), is_skip=node != number)
            for node in found.sources(number)
        ]
    boxes.append(Box("out", "answers", str(found.classes)))
    arrows.append(Arrow(str(last), "out"))
    return Drawing("network", boxes, arrows)


def _cells(found: FoundCells) -> Iterator[Drawing]:
    genotype = found.genotype
    for title, nodes, joined in (
        ("normal cell", genotype.normal, genotype.normal_joined),
        ("reduction cell", genotype.reduce, genotype.reduce_joined),
    ):
        if nodes:
            yield _cell(title, nodes, joined)


def _cell(title: str, nodes: Sequence[Sequence[Edge]], joined: Sequence[int]) -> Drawing:
    boxes = [Box("0", "cell before the last"), Box("1", "last cell")]
    arrows = []
    for number, edges in enumerate(nodes, start=2):
        boxes.append(Box(str(number), f"node {number - 2}"))
        arrows += [
            Arrow(str(source), str(number), _words(operation), source != number - 1)
            for operation, source in edges
        ]
    boxes.append(Box("out", "output"))
    last = len(nodes) + 1
    arrows += [Arrow(str(node), "out", is_skip=node != last) for node in joined]
    return Drawing(title, boxes, arrows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _detail(arguments: Mapping[str, Argument]) -> str:
    return ", ".join(f"{_words(name)} {value}" for name, value in arguments.items())
