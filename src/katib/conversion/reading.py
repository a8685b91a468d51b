"""The printed template read as YAML, with the place of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.conversion.evaluation import Printed
from katib.conversion.marks import Marks
from katib.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number or a truth value of the document.

    Attributes:
        path: as ``spec.parallelism``.
        text: as it is written, without its quotes.
        start: where it begins in the printed text.
        is_quoted: whether it is a text whatever it holds.
    """

    path: str
    text: str
    start: int
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Document:
    """The one manifest that a template prints.

    Attributes:
        printed: its text.
        manifest: the same as data.
        scalars: all values in it, by path; keys are not among them.
    """

    printed: Printed
    manifest: Manifest
    scalars: dict[str, Scalar]

    def refusal(self, path: str, problem: str) -> ManifestError:
        """The error that names the line of the template from which a value is."""
        scalar = self.scalars.get(path)
        start = 0 if scalar is None else scalar.start
        return self.printed.source.refusal(self.printed.origin(start), problem)


def read(printed: Printed) -> Document:
    """The document of a printed template.

    Raises:
        ManifestError: it is no YAML, or not one map; with line and column of the template.
    """
    source = printed.source
    try:
        nodes = [node for node in yaml.compose_all(printed.text, yaml.SafeLoader) if node]
        manifests = list(load_yaml(printed.text, source.name))
        scalars = {scalar.path: scalar for node in nodes for scalar in _scalars(node, "")}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        offset = printed.origin(0 if mark is None else mark.index)
        problem = f"what the template prints is no YAML here: {error.problem}"
        raise source.refusal(offset, problem) from error
    except ManifestError as error:
        offset = printed.origin(_index(printed.text, error.line or 1, error.column or 1))
        problem = f"what the template prints is no YAML here: {error.problem}"
        raise source.refusal(offset, problem) from error
    except yaml.YAMLError as error:
        raise source.refusal(0, f"what the template prints is no YAML: {error}") from error
    except RecursionError as error:
        raise source.refusal(0, "what the template prints is nested too deeply") from error
    if len(manifests) != 1:
        raise source.refusal(0, f"a template prints one resource, and this {len(manifests)}")
    return Document(printed, manifests[0], scalars)


def _index(text: str, line: int, column: int) -> int:
    """Where a line and a column, from 1, are in the text."""
    return sum(map(len, text.splitlines(keepends=True)[: line - 1])) + column - 1


def find_numbers(document: Document, marks: Marks) -> Iterator[ManifestError]:
    """An error for every value that v1alpha3 would have made a number, or anything but a text.

    A placeholder of ``trialSpec`` stands in a text, and the text stays one.
    """
    for scalar in document.scalars.values():
        unknown = marks.find(scalar.text)
        if scalar.is_quoted or not unknown:
            continue
        bad = next((one for one in marks.samples(scalar.text) if not _is_text(one)), None)
        if bad is not None:
            yield document.refusal(
                scalar.path,
                f"{scalar.path} has no quotes and so would be {bad}, not a text; in a trialSpec a "
                f"placeholder is always a text. If a text is right, write quotes round "
                f"{unknown[0].what}; if not, keep a v1beta1 template in a ConfigMap, where "
                f"${{trialParameters.{unknown[0].name}}} may be a number",
            )


def _is_text(text: str) -> bool:
    try:
        (manifest,) = load_yaml(f"value: {text}", "a value")
    except ManifestError:
        # It cannot stand here without quotes; as a text it can.
        return True
    return isinstance(manifest["value"], str)


def _scalars(node: yaml.Node, path: str) -> Iterator[Scalar]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            yield from _scalars(value, f"{path}.{name}" if path else name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _scalars(item, f"{path}[{index}]")
    elif isinstance(node, yaml.ScalarNode):
        yield Scalar(path, node.value, node.start_mark.index, bool(node.style))
