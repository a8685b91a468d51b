"""What a trial template may name: the experiment, the trial, its namespace and parameters."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from katib.api.names import DOUBLE, INT
from katib.api.values import Manifest
from katib.conversion.functions import Datum, Record
from katib.conversion.marks import Marks, Unknown

#: Search over architectures has no parameters in the document; these are what it assigns.
NAS_PARAMETERS = {
    "enas": ("architecture", "nn_config"),
    "darts": ("algorithm-settings", "search-space", "num-layers"),
}

_TRIAL = Unknown(
    "trialName", "${trialSpec.Name}", "the trial's name", ("random-example-x7kqz2ab",), False
)
_NAMESPACE = Unknown(
    "trialNamespace", "${trialSpec.Namespace}", "the trial's namespace", ("default",), False
)
_SAMPLES = {INT: "1", DOUBLE: "0.5"}
_WORDS = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of one template mean.

    Attributes:
        root: the outermost dot.
        marks: what stands in it for the unknown.
        trial: the mark of the trial's name.
        namespace: the mark of its namespace.
        parameters: the search space, in its order.
    """

    root: Record
    marks: Marks
    trial: str
    namespace: str
    parameters: tuple[Unknown, ...]


def make_scope(manifest: Manifest, text: str) -> Scope:
    """The scope of an experiment's template.

    Args:
        manifest: the experiment, of either version.
        text: the template.
    """
    marks = Marks(text)
    trial, namespace = marks.make(_TRIAL), marks.make(_NAMESPACE)
    parameters = _parameters(manifest)
    listed = tuple(
        Record("a parameter", {"Name": one.reference, "Value": marks.make(one)})
        for one in parameters
    )
    fields: dict[str, Datum] = {"Trial": trial, "NameSpace": namespace, "HyperParameters": listed}
    name = _inside(manifest, "metadata").get("name")
    if not isinstance(name, str) or not name:
        root = Record("the template of an experiment that has no name yet", fields)
    else:
        root = Record("the template", {"Experiment": name, **fields})
    return Scope(root, marks, trial, namespace, parameters)


def _parameters(manifest: Manifest) -> tuple[Unknown, ...]:
    spec = _inside(manifest, "spec")
    stated = spec.get("parameters")
    found = {
        one["name"]: _samples(one)
        for one in (stated if isinstance(stated, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"]
    }
    if not found and spec.get("nasConfig"):
        algorithm = _inside(spec, "algorithm").get("algorithmName")
        found = dict.fromkeys(NAS_PARAMETERS.get(str(algorithm), ()), ("{}",))
    taken = {_TRIAL.name, _NAMESPACE.name}
    unknown = []
    for name, samples in found.items():
        plain = plain_name(name, taken)
        taken.add(plain)
        unknown.append(Unknown(plain, name, f"the value of {name}", samples))
    return tuple(unknown)


def plain_name(name: str, taken: Container[str]) -> str:
    """A parameter's name as a placeholder has it: ``--num-layers`` becomes ``numLayers``.

    Letters, digits and ``_`` are kept. What else stands between them goes, and the letter behind it
    becomes a capital. A name that is ``taken`` gets a number.
    """
    words: list[str] = _WORDS.findall(name) or ["parameter"]
    first, *others = words
    plain = first + "".join(word[0].upper() + word[1:] for word in others)
    number, chosen = 1, plain
    while chosen in taken:
        number += 1
        chosen = f"{plain}{number}"
    return chosen


def _samples(parameter: Manifest) -> tuple[str, ...]:
    space = _inside(parameter, "feasibleSpace")
    listed = space.get("list")
    stated: list[Any] = [*(listed if isinstance(listed, list) else ())]
    stated += [space.get("min"), space.get("max")]
    texts = [str(value) for value in stated if value not in (None, "")]
    usual = _SAMPLES.get(str(parameter.get("parameterType")))
    return tuple(texts if usual is None else [usual, *texts]) or ("1",)


def _inside(manifest: Manifest, name: str) -> Manifest:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}
