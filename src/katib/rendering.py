"""Trial template + assignments → the manifest of one trial's run.

A template is a text with placeholders, ``${trialParameters.NAME}``. Under ``trialSpec`` the text is
JSON: a placeholder always stands inside a string there, and its value is escaped, so that quotes
and backslashes arrive as they are. In a ConfigMap the text is YAML and the value goes in as it is,
so that a placeholder may stand for a number or a part of the document.

Pure: the caller fetches ConfigMaps. Split templates are kept, as they are filled once per trial.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from katib.api.codec import load_yaml
from katib.api.experiment import Experiment, TrialParameter, TrialTemplate
from katib.api.values import Manifest, NameValue
from katib.errors import ManifestError, RenderError, suggest

_PLACEHOLDER = re.compile(r"\$\{trialParameters\.(.+?)\}")
# In JSON a placeholder ends with its string at the latest, even if its brace was forgotten.
_JSON_PLACEHOLDER = re.compile(r"\$\{trialParameters\.((?:[^\"\\}]|\\.)+)\}")
_METADATA = re.compile(r"\$\{trialSpec\.(.+?)\}")
_INDEXED = re.compile(r"(.+)\[(.+)]")
_KEPT = 256

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Template:
    """A template's text, split at its placeholders.

    Attributes:
        text: the whole text.
        is_json: whether values must be escaped.
        literals: the text between the placeholders, one more than there are placeholders.
        placeholders: the names, in the order of the text; a name may come more than once.
    """

    text: str
    is_json: bool
    literals: tuple[str, ...] = field(repr=False)
    placeholders: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> Manifest:
        """A new manifest with every placeholder replaced.

        Raises:
            RenderError: a placeholder has no value, or the text is no manifest then.
        """
        parts = [self.literals[0]]
        for name, literal in zip(self.placeholders, self.literals[1:], strict=True):
            if name not in values:
                raise RenderError(
                    f"the template has the placeholder ${{trialParameters.{name}}}, and no trial "
                    f"parameter has that name{suggest(name, values)}; declare it in "
                    "spec.trialTemplate.trialParameters"
                )
            parts.append(_escape(values[name]) if self.is_json else values[name])
            parts.append(literal)
        text = "".join(parts)
        return _object(_decode(text)) if self.is_json else _document(text)

    def head(self) -> Manifest:
        """The manifest with its placeholders as they are; shared, so treat it as frozen.

        Raises:
            RenderError: the text is no manifest.
        """
        return _head(self.text, self.is_json)


def render(
    experiment: Experiment,
    trial_name: str,
    namespace: str,
    assignments: Sequence[NameValue],
    template_text: str | None = None,
) -> Manifest:
    """The manifest of one trial's run, a new one at each call.

    Args:
        experiment: its trial template is filled in.
        trial_name: becomes ``metadata.name``.
        namespace: becomes ``metadata.namespace``.
        assignments: a value for every parameter; each must be used exactly once.
        template_text: the ConfigMap's text, when the template is kept in one.

    Raises:
        RenderError: template and assignments do not fit; the message names the parameter.
    """
    source = experiment.spec.trial_template
    if source is None:
        raise RenderError("spec.trialTemplate is missing; there is nothing to make a trial from")
    template = split(source, template_text)
    values = _values(source.trial_parameters, template, assignments, (trial_name, namespace))
    manifest = template.fill(values)
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict):
        metadata = manifest["metadata"] = {}
    metadata["name"], metadata["namespace"] = trial_name, namespace
    return manifest


def split(source: TrialTemplate, template_text: str | None = None) -> Template:
    """The template of an experiment, ready to be filled.

    Raises:
        RenderError: there is no text: neither ``trialSpec`` nor what a ConfigMap holds.
    """
    if isinstance(source.trial_spec, msgspec.Raw):
        return _split_json(bytes(source.trial_spec))
    if template_text is not None:
        return _split_text(template_text)
    place = source.config_map
    if place is None:
        raise RenderError("spec.trialTemplate has neither trialSpec nor configMap")
    raise RenderError(
        f'unable to find trial template in ConfigMap "{place.config_map_namespace}/'
        f'{place.config_map_name}": it has no key "{place.template_path}"'
    )


def find_metadata(reference: str, template: Template, trial: tuple[str, str]) -> str | None:
    """What a reference to the metadata of the trial or its template stands for.

    Args:
        reference: as ``${trialSpec.Name}``; any other text names a parameter and gives ``None``.
        template: where kind, labels and annotations come from.
        trial: the trial's name and namespace.

    Raises:
        RenderError: there is no such metadata, or the template has no such label or annotation.
    """
    found = _METADATA.search(reference)
    if found is None:
        return None
    indexed = _INDEXED.search(found[1])
    key, index = (indexed[1], indexed[2]) if indexed else (found[1], "")
    if key in ("Name", "Namespace"):
        return trial[0] if key == "Name" else trial[1]
    if key in ("Kind", "APIVersion"):
        return str(template.head().get("kind" if key == "Kind" else "apiVersion") or "")
    if key not in ("Annotations", "Labels"):
        problem = "there are Name, Namespace, Kind, APIVersion, Annotations[key] and Labels[key]"
    elif not index:
        problem = f"it names no key; write ${{trialSpec.{key}[key]}}"
    else:
        metadata = template.head().get("metadata")
        entries = metadata.get(key.lower()) if isinstance(metadata, dict) else None
        if isinstance(entries, dict) and index in entries:
            return str(entries[index])
        problem = f'the template has no metadata.{key.lower()}["{index}"]'
    raise RenderError(f"illegal reference of trial metadata: {reference}: {problem}")


def _values(
    parameters: Sequence[TrialParameter],
    template: Template,
    assignments: Sequence[NameValue],
    trial: tuple[str, str],
) -> dict[str, str]:
    given = {assignment.name: assignment.value for assignment in assignments}
    values: dict[str, str] = {}
    used: list[str] = []
    for parameter in parameters:
        reference = parameter.reference
        # Regular expressions would be a third of the time; most references are plain names.
        metadata = find_metadata(reference, template, trial) if "${" in reference else None
        if metadata is not None:
            values[parameter.name] = metadata
        elif reference in given:
            values[parameter.name] = given[reference]
            used.append(reference)
        else:
            raise RenderError(
                "unable to find non-meta parameter from TrialParameters in ParameterAssignment: "
                f'"{parameter.name}" refers to "{reference}", and no assignment has that name'
                f"{suggest(reference, given)}"
            )
    if not len(used) == len(set(used)) == len(assignments):
        raise RenderError(_misuse([assignment.name for assignment in assignments], used))
    return values


def _misuse(given: Sequence[str], used: Sequence[str]) -> str:
    for name in given:
        if name not in used:
            return (
                "unable to find parameter from ParameterAssignment in TrialParameters: no trial "
                f'parameter refers to "{name}"; add one to spec.trialTemplate.trialParameters'
            )
        if given.count(name) > 1:
            return f'parameter "{name}" is assigned more than once'
    twice = next(name for name in used if used.count(name) > 1)
    return f'parameter "{twice}" is referred to by more than one trial parameter; keep one'


@lru_cache(maxsize=_KEPT)
def _split_json(data: bytes) -> Template:
    # Written anew, so that a placeholder is spelt the same however its text was escaped.
    text = _encode(_decode(data)).decode()
    pieces = _JSON_PLACEHOLDER.split(text)
    names = tuple(_decode(f'"{name}"') for name in pieces[1::2])
    return Template(text, True, tuple(pieces[::2]), names)


@lru_cache(maxsize=_KEPT)
def _split_text(text: str) -> Template:
    pieces = _PLACEHOLDER.split(text)
    return Template(text, False, tuple(pieces[::2]), tuple(pieces[1::2]))


@lru_cache(maxsize=_KEPT)
def _head(text: str, is_json: bool) -> Manifest:
    return _object(_decode(text)) if is_json else _document(text)


def _escape(value: str) -> str:
    return _encode(value)[1:-1].decode()


def _object(value: Any) -> Manifest:
    if isinstance(value, dict):
        return value
    raise RenderError("failed to convert string to unstructured: trialSpec is not a map")


def _document(text: str) -> Manifest:
    try:
        documents = list(load_yaml(text, "the template"))
    except ManifestError as error:
        raise RenderError(f"failed to convert string to unstructured: {error}") from error
    if len(documents) != 1:
        raise RenderError(
            "failed to convert string to unstructured: the template must hold one resource, it "
            f"holds {len(documents)}"
        )
    return documents[0]
