"""What do the resource models cost: msgspec, as Katib has them, beside pydantic 2?

Decodes and encodes a Suggestion with many assignments and a Trial with both, and measures how long
a process takes to have the models. The pydantic models are made from ours, field for field, so that
both do the same work. Needs an environment with pydantic and orjson beside Katib::

    python3 -m venv ~/models
    ~/models/bin/pip install pydantic orjson -e .
    ~/models/bin/python bench/models.py

Prints a Markdown table of the best times and their ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import types
import typing
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec

from katib.api import codec
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionStatus, TrialAssignment
from katib.api.trial import TRIALS, Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, Kind, NameValue, ObjectMeta, Resource, Strings

ROUNDS = 15
PROCESSES = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=1000)
    flags = parser.parse_args()
    made = Models()
    print("| what | msgspec | pydantic | pydantic + orjson | msgspec is faster |")
    print("|---|---:|---:|---:|---:|")
    for name, kind, resource in (
        (f"Suggestion with {flags.assignments} assignments", SUGGESTIONS, a_suggestion(flags)),
        ("Trial", TRIALS, a_trial()),
    ):
        compare(made, name, kind, resource)
    ours, theirs = time_import("msgspec"), time_import("pydantic")
    print(
        f"| import of the models | {ours * 1000:.0f} ms | {theirs * 1000:.0f} ms | | "
        f"{theirs / ours:.1f} times |"
    )


def compare(made: Models, name: str, kind: Kind[Any], resource: Resource) -> None:
    """Print a row for decoding and one for encoding."""
    import orjson

    text = codec.encode(resource)
    model = made.model(kind.type)
    other = model.model_validate_json(text)
    assert codec.decode(kind, dump(other)) == codec.decode(kind, text), "they say different things"
    row(
        f"{name} ({len(text):,} bytes), decode",
        lambda: codec.decode(kind, text),
        lambda: model.model_validate_json(text),
        lambda: model.model_validate(orjson.loads(text)),
    )
    row(
        f"{name}, encode",
        lambda: codec.encode(resource),
        lambda: dump(other),
        lambda: orjson.dumps(other.model_dump(by_alias=True, exclude_defaults=True)),
    )


def dump(model: Any) -> bytes:
    text: str = model.model_dump_json(by_alias=True, exclude_defaults=True)
    return text.encode()


def row(name: str, *calls: Callable[[], object]) -> None:
    ours, *theirs = [best(call) for call in calls]
    cells = " | ".join(f"{seconds * 1e6:,.0f} µs" for seconds in (ours, *theirs))
    print(f"| {name} | {cells} | {min(theirs) / ours:.1f} times |")


def best(call: Callable[[], object]) -> float:
    """The shortest of some rounds, in seconds a call; a round takes some hundredths of a second."""
    started = time.perf_counter()
    call()
    count = max(1, int(0.03 / max(1e-9, time.perf_counter() - started)))
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - started) / count)
    return min(times)


class Models:
    """Pydantic models made from ours, field for field."""

    def __init__(self) -> None:
        self._made: dict[type, Any] = {}

    def model(self, struct: Any) -> Any:
        import pydantic
        from pydantic.alias_generators import to_camel

        if struct not in self._made:
            config = pydantic.ConfigDict(
                frozen=True, alias_generator=to_camel, populate_by_name=True
            )
            fields: dict[str, Any] = {
                field.name: (self._type(field.type), self._default(field))
                for field in msgspec.structs.fields(struct)
            }
            self._made[struct] = pydantic.create_model(struct.__name__, __config__=config, **fields)
        return self._made[struct]

    def _default(self, field: msgspec.structs.FieldInfo) -> Any:
        import pydantic

        factory, default = field.default_factory, field.default
        if isinstance(factory, type) and issubclass(factory, msgspec.Struct):
            return pydantic.Field(default_factory=self.model(factory))
        if default is msgspec.NODEFAULT:
            # Ours have a factory here so that the field is always written.
            return ...
        return None if default is msgspec.UNSET else default

    def _type(self, type_: Any) -> Any:
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            return self.model(type_)
        if type_ is Strings:
            return dict[str, str]
        if type_ in (msgspec.Raw, msgspec.UnsetType):
            return Any
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin in (types.UnionType, typing.Union):
            return typing.Union[tuple(self._type(one) for one in arguments)]  # noqa: UP007
        if origin is tuple:
            return tuple[self._type(arguments[0]), ...]  # type: ignore[misc]
        return type_


def time_import(which: str) -> float:
    """The median of some processes, in seconds.

    Ours: the modules of the models and the library. Theirs: the library and the classes, made
    where our modules are loaded already.
    """
    ours = "start = time.perf_counter(); from katib.api import kinds"
    theirs = (
        "import models; start = time.perf_counter(); made = models.Models(); "
        "[made.model(kind.type) for kind in (models.SUGGESTIONS, models.TRIALS)]"
    )
    code = (
        f"import sys, time, typing, json, datetime; sys.path.insert(0, {sys.path[0]!r}); "
        f"{ours if which == 'msgspec' else theirs}; print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", code]
    return median(
        float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        for _ in range(PROCESSES)
    )


def a_suggestion(flags: argparse.Namespace) -> Suggestion:
    assignments = tuple(
        TrialAssignment(
            name=f"random-{number:08d}",
            parameter_assignments=(
                NameValue(name="lr", value=f"0.0{number}"),
                NameValue(name="num-layers", value=str(number % 5)),
                NameValue(name="optimizer", value="adam"),
            ),
        )
        for number in range(flags.assignments)
    )
    status = SuggestionStatus(suggestion_count=len(assignments), suggestions=assignments)
    return Suggestion(metadata=ObjectMeta(name="random", namespace="default"), status=status)


def a_trial() -> Trial:
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {}}}}
    assignments = (NameValue(name="lr", value="0.01"), NameValue(name="optimizer", value="adam"))
    return Trial(
        metadata=ObjectMeta(
            name="random-00000001",
            namespace="default",
            labels=Strings({"katib.kubeflow.org/experiment": "random"}),
            finalizers=("clean-metrics-in-db",),
        ),
        spec=TrialSpec(
            parameter_assignments=assignments,
            run_spec=codec.to_raw(manifest),
            success_condition='status.conditions.#(type=="Complete")#|#(status=="True")#',
            failure_condition='status.conditions.#(type=="Failed")#|#(status=="True")#',
        ),
        status=TrialStatus(
            conditions=(
                Condition(type="Created", status="True", reason="TrialCreated"),
                Condition(type="Running", status="True", reason="TrialRunning"),
            )
        ),
    )


if __name__ == "__main__":
    main()
