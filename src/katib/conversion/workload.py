"""A Go template → the trial template of v1beta1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from katib.api.values import Manifest
from katib.conversion.evaluation import evaluate
from katib.conversion.marks import Unknown
from katib.conversion.pods import KINDS, Pod, list_pods, name_primary
from katib.conversion.reading import Document, find_numbers, read
from katib.conversion.scope import Scope, make_scope
from katib.conversion.syntax import Source
from katib.errors import ManifestError

_PLACEHOLDER = "${trialParameters."


@dataclass(frozen=True, slots=True)
class Made:
    """What a Go template became.

    Attributes:
        template: ``trialSpec``, its parameters and the name of its primary container.
        problems: all that v1beta1 cannot express; the template is of no use if there are any.
    """

    template: Manifest
    problems: tuple[ManifestError, ...]


def make_trial_template(source: Source, experiment: Manifest) -> Made:
    """Convert a template.

    Args:
        source: the Go template.
        experiment: whose parameters the template is given.

    Raises:
        ManifestError: the template cannot be evaluated, or prints no YAML; with line and column.
    """
    scope = make_scope(experiment, source.text)
    document = _read(source, scope)
    manifest = document.manifest
    problems = [*find_numbers(document, scope.marks), *_check_head(document, scope, experiment)]
    _strip_name(manifest)
    pods = list_pods(manifest)
    problems += _check_pods(document, pods)
    # First, as a container's name may be the only place where something is used.
    primary = "" if problems else name_primary(pods, scope)
    used = {unknown for text in _texts(manifest) for unknown in scope.marks.find(text)}
    problems += _check_use(source, scope, used)
    template = {
        "primaryContainerName": primary,
        "trialParameters": _declare(scope, used),
        "trialSpec": _with_placeholders(manifest, scope),
    }
    return Made(template, tuple(problems))


def _read(source: Source, scope: Scope) -> Document:
    printed = evaluate(source, scope.root, scope.marks)
    literal = printed.text.find(_PLACEHOLDER)
    if literal >= 0:
        raise source.refusal(
            printed.origin(literal),
            f"{_PLACEHOLDER}…}} is a placeholder in v1beta1; a template of v1alpha3 has "
            "{{.Value}} for it",
        )
    return read(printed)


def _check_head(document: Document, scope: Scope, experiment: Manifest) -> Iterator[ManifestError]:
    manifest = document.manifest
    if manifest.get("kind") not in KINDS:
        yield document.refusal(
            "kind", f"v1alpha3 runs {', '.join(KINDS)}; here kind is {manifest.get('kind')}"
        )
    metadata = manifest.get("metadata")
    stated = metadata if isinstance(metadata, dict) else {}
    own = experiment.get("metadata")
    namespace = own.get("namespace") if isinstance(own, dict) else None
    if stated.get("name") != scope.trial:
        yield document.refusal(
            "metadata.name", f"metadata.name must be {{{{.Trial}}}}{_found(stated, 'name', scope)}"
        )
    if stated.get("namespace") not in (scope.namespace, namespace or scope.namespace):
        yield document.refusal(
            "metadata.namespace",
            f"metadata.namespace must be {{{{.NameSpace}}}}{_found(stated, 'namespace', scope)}",
        )


def _found(stated: Manifest, name: str, scope: Scope) -> str:
    found = stated.get(name)
    if found is None:
        return ", and it is missing"
    return f", found {scope.marks.replace(str(found), lambda unknown: f'<{unknown.what}>')}"


def _strip_name(manifest: Manifest) -> None:
    metadata = manifest.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("name", None)
        metadata.pop("namespace", None)
        if not metadata:
            del manifest["metadata"]


def _check_pods(document: Document, pods: Sequence[Pod]) -> Iterator[ManifestError]:
    if document.manifest.get("kind") not in KINDS:
        return
    if not pods:
        yield document.refusal("", "no pod's template with a list of containers was found")
    for pod in pods:
        if not all(isinstance(one.get("name"), str) for one in pod.containers):
            yield document.refusal("", f"every container in {pod.path}.containers must have a name")


def _check_use(source: Source, scope: Scope, used: set[Unknown]) -> Iterator[ManifestError]:
    for unknown in scope.parameters:
        if unknown not in used:
            yield ManifestError(
                source.name,
                f"the template does not use the parameter {unknown.reference}, and in v1beta1 a "
                "trial uses all of them: insert its {{.Value}} somewhere, or take it out of "
                "spec.parameters",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _with_placeholders(value: Any, scope: Scope) -> Any:
    if isinstance(value, dict):
        return {
            _with_placeholders(key, scope): _with_placeholders(item, scope)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_placeholders(item, scope) for item in value]
    if isinstance(value, str):
        return scope.marks.replace(value, lambda unknown: f"{_PLACEHOLDER}{unknown.name}}}")
    return value


def _declare(scope: Scope, used: set[Unknown]) -> list[Manifest]:
    """The trial parameters: the search space in its order, then what is asked of the trial."""
    of_trial = scope.marks.find(scope.trial + scope.namespace)
    return [
        {"name": unknown.name, "reference": unknown.reference}
        for unknown in (*scope.parameters, *of_trial)
        if unknown in used
    ]
