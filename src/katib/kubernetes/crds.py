"""The CustomResourceDefinitions of our kinds.

Their schemas are read from the models, so that the API server itself refuses what has another type
than its field, and drops fields that the models do not have. Of an Experiment's spec, which people
write, it also refuses what can never be right; the CEL rules among that are ignored by servers
older than 1.25. Whatever depends on more than the document stays with admission.

What the controllers write is held to its types only. So is everything that an installation of Katib
may have stored: it accepted nothing that these rules refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import inspect

from katib.admission.metadata import LONGEST_NAME
from katib.api.descriptions import HEAD, WORDS
from katib.api.experiment import EXPERIMENTS, ExperimentSpec
from katib.api.names import CATEGORICAL, DISCRETE, DOUBLE, INT
from katib.api.schemas import TEXT, Schema, SchemaBuilder, docstring, model_of
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind, Manifest

CATEGORIES = ("all", "kubeflow", "katib")

#: The largest value that the models' whole numbers have.
_LARGEST = 2**31 - 1

_CONDITION = ".status.conditions[-1:]"
_HOW = (("Type", f"{_CONDITION}.type"), ("Status", f"{_CONDITION}.status"))
_GIVEN = (("Requested", ".spec.requests"), ("Assigned", ".status.suggestionCount"))

#: The columns of ``kubectl get`` before the age, kind by kind.
_COLUMNS: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType(
    {"Experiment": _HOW, "Suggestion": (*_HOW, *_GIVEN), "Trial": _HOW}
)

#: The smallest value of a count that people set.
_LEAST: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        ("ExperimentSpec", "maxTrialCount"): 1,
        ("ExperimentSpec", "parallelTrialCount"): 1,
        ("ExperimentSpec", "maxFailedTrialCount"): 0,
    }
)

#: Fields with few values that may also be empty, which means the default.
_MAY_BE_EMPTY = frozenset(
    (
        ("ExperimentSpec", "resumePolicy"),
        ("FeasibleSpace", "distribution"),
        ("ObjectiveSpec", "nonFinite"),
        ("FileSystemPath", "kind"),
        ("FileSystemPath", "format"),
    )
)


def _at_most_the_trials(name: str) -> tuple[str, str]:
    rule = f"!has(self.maxTrialCount) || !has(self.{name}) || self.{name} <= self.maxTrialCount"
    return rule, f"{name} should be less than or equal to maxTrialCount"


def _has_text(name: str) -> str:
    return f"(has(self.feasibleSpace.{name}) && self.feasibleSpace.{name} != '')"


_IS_RANGE = f"self.parameterType in ['{DOUBLE}', '{INT}']"
_IS_LIST = f"self.parameterType in ['{CATEGORICAL}', '{DISCRETE}']"

#: Part → its CEL rules, each with what is told who breaks it. Servers estimate what a rule costs
#: and refuse a definition whose rules cost much: none of these looks into a list.
_RULES: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType(
    {
        "ExperimentSpec": (
            (
                "(has(self.parameters) && size(self.parameters) > 0) != has(self.nasConfig)",
                "exactly one of parameters and nasConfig must be specified",
            ),
            _at_most_the_trials("parallelTrialCount"),
            _at_most_the_trials("maxFailedTrialCount"),
        ),
        "ParameterSpec": (
            (
                f"!({_IS_RANGE}) || {_has_text('min')} || {_has_text('max')}",
                "feasibleSpace.min and feasibleSpace.max must be specified for double and int",
            ),
            (
                f"!({_IS_LIST}) || "
                "(has(self.feasibleSpace.list) && size(self.feasibleSpace.list) > 0)",
                "feasibleSpace.list must be specified for categorical and discrete",
            ),
        ),
        "TrialTemplate": (
            (
                "has(self.trialSpec) != has(self.configMap)",
                "exactly one of trialSpec and configMap must be specified",
            ),
        ),
        "CollectorSpec": (
            (
                "!has(self.kind) || self.kind != 'Custom' || has(self.customCollector)",
                "customCollector must be specified for the kind Custom",
            ),
        ),
    }
)


def definitions() -> list[Manifest]:
    """The definitions of Experiment, Suggestion and Trial."""
    return [_definition(kind) for kind in (EXPERIMENTS, SUGGESTIONS, TRIALS)]


def _definition(kind: Kind[Any]) -> Manifest:
    group, _, version = kind.api_version.partition("/")
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    columns = [
        {"name": name, "type": "string", "jsonPath": path} for name, path in _COLUMNS[kind.name]
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "categories": list(CATEGORIES),
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*columns, age],
                    "schema": {"openAPIV3Schema": _schema(kind)},
                }
            ],
        },
    }


def _schema(kind: Kind[Any]) -> Schema:
    name = {"type": "string", "maxLength": LONGEST_NAME}
    metadata = {"properties": {"name": name}} if kind is EXPERIMENTS else {}
    parts = {
        one.encode_name: one.type
        for one in model_of(kind.type).fields
        if one.encode_name in ("spec", "status")
    }
    return {
        "type": "object",
        "description": docstring(kind.type),
        "properties": {
            "apiVersion": {"description": HEAD["apiVersion"], **TEXT},
            "kind": {"description": HEAD["kind"], **TEXT},
            "metadata": {"type": "object", **metadata},
            **{
                name: {**_part(model), "description": WORDS[kind.name][name]}
                for name, model in parts.items()
            },
        },
        **({"required": ["spec"]} if kind is EXPERIMENTS else {}),
    }


def _part(model: inspect.Type) -> Schema:
    is_written_by_people = isinstance(model, inspect.StructType) and model.cls is ExperimentSpec
    return (_Judging() if is_written_by_people else _Typing()).schema(model)


class _Typing(SchemaBuilder):
    """Says what type each field has, and no more."""

    def required(self, part: str) -> Sequence[str]:
        """None: what is absent has its zero value."""
        return ()

    def field(self, part: str, name: str, model: inspect.Type) -> Schema:
        """Without the values that it should have."""
        return _bounded(self.schema(model))


class _Judging(SchemaBuilder):
    """Also says what is wrong whatever else is in the document."""

    def describe(self, model: inspect.StructType) -> Schema:
        """With the rules that several fields keep together."""
        rules = _RULES.get(model.cls.__name__)
        schema = super().describe(model)
        if rules:
            schema["x-kubernetes-validations"] = [
                {"rule": rule, "message": message} for rule, message in rules
            ]
        return schema

    def field(self, part: str, name: str, model: inspect.Type) -> Schema:
        """With its values, and not empty when it is required."""
        schema = _bounded(super().field(part, name, model))
        if (part, name) in _MAY_BE_EMPTY:
            schema["enum"].append("")
        if (part, name) in _LEAST:
            schema["minimum"] = _LEAST[part, name]
        if name in self.required(part) and "enum" not in schema:
            schema |= _NOT_EMPTY.get(schema["type"], {})
        return schema


_NOT_EMPTY: Mapping[str, Schema] = {"string": {"minLength": 1}, "array": {"minItems": 1}}


def _bounded(schema: Schema) -> Schema:
    """Servers do not look at an integer's format."""
    if schema["type"] != "integer":
        return schema
    return {**schema, "minimum": -_LARGEST, "maximum": _LARGEST}
