#!/usr/bin/env python3
"""Write the models of ``katib.models`` from the resources of ``katib.api``.

::

    .venv/bin/python scripts/generate_models.py           # rewrite what has drifted
    .venv/bin/python scripts/generate_models.py --check   # only say what has drifted

A struct becomes a class of the name that Katib's SDK has for it, its fields attributes in the order
of that SDK, which is the alphabet's. Where ``api`` has one struct and the SDK has several classes,
the tables below say so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import inspect

from katib.api import experiment, suggestion, trial, values
from katib.api.schemas import docstring, model_of

MODELS = Path(__file__).resolve().parent.parent / "src" / "katib" / "models"

#: What ``--check`` says first.
ADVICE = "run scripts/generate_models.py"

#: File → its classes: the name behind ``V1beta1``, and the struct that it says the same as.
FILES: Mapping[str, Mapping[str, type[Any]]] = {
    "experiment": {
        "FeasibleSpace": experiment.FeasibleSpace,
        "ParameterSpec": experiment.ParameterSpec,
        "MetricStrategy": values.NameValue,
        "ObjectiveSpec": experiment.ObjectiveSpec,
        "AlgorithmSetting": values.NameValue,
        "AlgorithmSpec": experiment.AlgorithmSpec,
        "EarlyStoppingSetting": values.NameValue,
        "EarlyStoppingSpec": experiment.AlgorithmSpec,
        "ConfigMapSource": experiment.ConfigMapSource,
        "TrialParameterSpec": experiment.TrialParameter,
        "TrialTemplate": experiment.TrialTemplate,
        "CollectorSpec": experiment.CollectorSpec,
        "FileSystemPath": experiment.FileSystemPath,
        "FilterSpec": experiment.FilterSpec,
        "SourceSpec": experiment.SourceSpec,
        "MetricsCollectorSpec": experiment.MetricsCollectorSpec,
        "GraphConfig": experiment.GraphConfig,
        "Operation": experiment.Operation,
        "NasConfig": experiment.NasConfig,
        "ExperimentSpec": experiment.ExperimentSpec,
        "ParameterAssignment": values.NameValue,
        "Metric": experiment.Metric,
        "Observation": experiment.Observation,
        "OptimalTrial": experiment.OptimalTrial,
        "ExperimentCondition": values.Condition,
        "ExperimentStatus": experiment.ExperimentStatus,
        "Experiment": experiment.Experiment,
    },
    "suggestion": {
        "EarlyStoppingRule": suggestion.EarlyStoppingRule,
        "TrialAssignment": suggestion.TrialAssignment,
        "SuggestionSpec": suggestion.SuggestionSpec,
        "SuggestionCondition": values.Condition,
        "SuggestionStatus": suggestion.SuggestionStatus,
        "Suggestion": suggestion.Suggestion,
    },
    "trial": {
        "TrialSpec": trial.TrialSpec,
        "TrialCondition": values.Condition,
        "TrialStatus": trial.TrialStatus,
        "Trial": trial.Trial,
    },
}

#: Field → its class, where several classes stand for one struct; before the dot, of one class only.
FIELDS = {
    "EarlyStoppingSpec.algorithm_settings": "EarlyStoppingSetting",
    "algorithm_settings": "AlgorithmSetting",
    "metric_strategies": "MetricStrategy",
    "parameter_assignments": "ParameterAssignment",
    "early_stopping": "EarlyStoppingSpec",
    "algorithm": "AlgorithmSpec",
    "trial_parameters": "TrialParameterSpec",
    "ExperimentStatus.conditions": "ExperimentCondition",
    "SuggestionStatus.conditions": "SuggestionCondition",
    "TrialStatus.conditions": "TrialCondition",
}

#: Parts of manifests whose form ``api`` does not know, and Kubernetes does.
OPEN = {"custom_collector": "V1Container", "http_get": "V1HTTPGetAction"}

#: Fields that Katib does not have.
ADDED = {"ObjectiveSpec": ("non_finite",)}

#: Classes that no struct stands for: those that Katib's SDK has beside its resources.
SOURCE = {"config_map": "V1beta1ConfigMapSource", "trial_spec": "Any"}

_SIMPLE: Mapping[type[inspect.Type], str] = {
    inspect.StrType: "str",
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.DateTimeType: "datetime",
    inspect.CustomType: "dict[str, str]",
    inspect.RawType: "Any",
    inspect.AnyType: "Any",
}

_HEAD = '''"""The {resource} and its parts. Written by scripts/generate_models.py."""

from __future__ import annotations

'''


def main() -> None:
    """Rewrite or check all files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on drift")
    is_check = parser.parse_args().check
    drifted = find_drift(MODELS)
    if is_check and drifted:
        sys.exit(f"{', '.join(map(str, drifted))}: {ADVICE}")
    for path, text in drifted.items():
        (MODELS / path).write_text(text)
        print(f"{path} written")


def find_drift(folder: Path) -> dict[Path, str]:
    """File → its text as it should be, for those that differ."""
    wanted = {Path(f"{name}.py"): _file(name) for name in FILES}
    return {
        path: text
        for path, text in wanted.items()
        if not (folder / path).exists() or (folder / path).read_text() != text
    }


def _file(name: str) -> str:
    classes = {
        class_name: "".join(_class(class_name, struct))
        for class_name, struct in FILES[name].items()
    }
    if name == "experiment":
        purpose = "A trial's manifest, or where it is kept."
        classes["TrialSource"] = "".join(_body("TrialSource", purpose, SOURCE))
    resource = name.capitalize()
    items = {
        "api_version": "str",
        "items": f"list[V1beta1{resource}]",
        "kind": "str",
        "metadata": "V1ListMeta",
    }
    classes[f"{resource}List"] = "".join(_body(f"{resource}List", f"Some {name}s.", items))
    body = "\n\n".join(classes.values())
    listed = "".join(f'    "V1beta1{one}",\n' for one in sorted(classes))
    return (
        _HEAD.format(resource=resource)
        + "\n".join(_imports(name, body))
        + f"\n\n__all__ = [\n{listed}]\n\n\n{body}"
    )


def _imports(name: str, body: str) -> Iterator[str]:
    """The lines above the classes, in the order that the formatter has."""
    if "builtins." in body:
        yield "import builtins"
    yield "from datetime import datetime"
    typing = [one for one in ("Any", "ClassVar") if f": {one}" in body]
    if typing:
        yield f"from typing import {', '.join(typing)}"
    yield ""
    others = {
        class_name: file
        for file, classes in FILES.items()
        if file != name
        for class_name in classes
    }
    for file in FILES:
        used = sorted(
            f"V1beta1{one}"
            for one, place in others.items()
            if place == file and (f"V1beta1{one} " in body or f"V1beta1{one}]" in body)
        )
        if used:
            yield f"from katib.models.{file} import {_listed(used)}"
        if file == "experiment":
            metadata = [
                one
                for one in ("V1Container", "V1HTTPGetAction", "V1ListMeta", "V1ObjectMeta")
                if one in body
            ]
            yield f"from katib.models.metadata import {_listed(metadata)}"
            required = ["REQUIRED"] if " = REQUIRED" in body else []
            yield f"from katib.models.model import {', '.join([*required, 'Model'])}"


def _listed(names: Sequence[str]) -> str:
    if len(", ".join(names)) < 60:
        return ", ".join(names)
    return "(\n" + "".join(f"    {name},\n" for name in names) + ")"


def _class(name: str, struct: type[Any]) -> Iterator[str]:
    model = model_of(struct)
    types = {one.name: _type(name, one.name, one.type) for one in model.fields}
    purpose = docstring(struct).replace("`", "``")
    yield from _body(name, purpose, types)


def _body(name: str, purpose: str, types: Mapping[str, str]) -> Iterator[str]:
    first = purpose.partition(". ")[0].rstrip(".")
    yield f'class V1beta1{name}(Model):\n    """{first}."""\n\n'
    added = ADDED.get(name, ())
    if added:
        yield f"    added: ClassVar[tuple[str, ...]] = {added}\n".replace("'", '"')
    for field in [*sorted(set(types) - set(added)), *added]:
        kind = types[field]
        if "list" in types and kind.startswith("list["):
            kind = f"builtins.{kind}"
        if name.endswith("Condition") and field in ("status", "type"):
            yield f'    {field}: str = ""\n'
        elif field == "items":
            yield f"    {field}: {kind} = REQUIRED\n"
        else:
            yield f"    {field}: {kind}{'' if kind == 'Any' else ' | None'} = None\n"


def _type(owner: str, field: str, model: inspect.Type) -> str:
    """The annotation of an attribute."""
    if isinstance(model, inspect.UnionType):
        # All unions are "this or nothing" but one: a number that may be written as integer.
        known = [one for one in model.types if _SIMPLE.get(one.__class__) or _is_struct(one)]
        floats = [one for one in known if isinstance(one, inspect.FloatType)]
        return _type(owner, field, (floats or known)[0])
    if isinstance(model, inspect.VarTupleType):
        return f"list[{_type(owner, field, model.item_type)}]"
    if isinstance(model, inspect.StructType):
        if model.cls is values.ObjectMeta:
            return "V1ObjectMeta"
        chosen = FIELDS.get(f"{owner}.{field}") or FIELDS.get(field) or model.cls.__name__
        return f"V1beta1{chosen}"
    return OPEN.get(field) or _SIMPLE[model.__class__]


def _is_struct(model: inspect.Type) -> bool:
    return isinstance(model, inspect.StructType)


if __name__ == "__main__":
    main()
