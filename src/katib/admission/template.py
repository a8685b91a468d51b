"""The rules of the trial template: its text, and the trial parameters that fill it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from katib.admission.condition import check_condition
from katib.admission.context import AdmissionContext
from katib.admission.defaulting import KINDS_WITH_CONDITIONS, calls_function
from katib.admission.job import check_workload, container_names
from katib.admission.problems import Problems, invalid, required
from katib.api.experiment import ConfigMapSource, ExperimentSpec, TrialParameter, TrialTemplate
from katib.api.kinds import KINDS
from katib.api.values import Key, Manifest
from katib.errors import FieldError, RenderError, suggest
from katib.rendering import Template, find_metadata, split

_PATH = "spec.trialTemplate"
TRIAL_SOURCE = f"{_PATH}.TrialSource"
_PARAMETERS = f"{_PATH}.trialParameters"
_CONDITIONS_MISSING = (
    "successCondition and failureCondition must be specified; a trialSpec needs none when its kind "
    f"is {', '.join(KINDS_WITH_CONDITIONS[:-1])} or {KINDS_WITH_CONDITIONS[-1]}"
)
_TEST_VALUE = "test-value"
_TEST_TRIAL = ("test-trial", "test-namespace")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


#: What Kubernetes itself has each kind of its own in; groups of others may have any kind.
_VERSIONS = {
    (_group(kind.api_version), kind.name): kind.api_version
    for kind in KINDS
    if _group(kind.api_version) in ("", "apps", "batch")
}


@dataclass(slots=True)
class _Declared:
    """The trial parameters that are sound so far."""

    names: dict[str, None] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)


def check_template(spec: ExperimentSpec, context: AdmissionContext) -> Problems:
    """Can trials be made from the template, and will they be understood?"""
    source = spec.trial_template
    if source is None:
        yield required(_PATH)
        return
    yield from _check_run(source)
    stop = _find_gap(source)
    if stop is not None:
        yield stop
        return
    if not source.trial_parameters:
        yield required(_PARAMETERS)
    template: Template | None = None
    try:
        template = split(source, _text(source.config_map, context))
    except RenderError as error:
        yield invalid(_PATH, None, f"unable to parse spec.trialTemplate: {error}")
    if source.trial_parameters:
        yield from _check_parameters(spec, source.trial_parameters, template)
    if template is not None:
        yield from _check_manifest(source, template)
        yield from _check_home(source, context)


def _check_run(source: TrialTemplate) -> Problems:
    if not source.primary_container_name:
        yield required(f"{_PATH}.primaryContainerName")
    if not source.success_condition or not source.failure_condition:
        yield required(_PATH, _CONDITIONS_MISSING)
    yield from check_condition(f"{_PATH}.successCondition", source.success_condition)
    yield from check_condition(f"{_PATH}.failureCondition", source.failure_condition)


def _find_gap(source: TrialTemplate) -> FieldError | None:
    """What leaves no template to look at."""
    place = source.config_map
    has_spec = source.trial_spec is not UNSET
    if not has_spec and place is None:
        return required(
            TRIAL_SOURCE,
            "spec.trialTemplate.trialSpec or spec.trialTemplate.configMap must be specified",
        )
    if has_spec and place is not None:
        return required(
            _PATH,
            "only one of spec.trialTemplate.trialSpec or spec.trialTemplate.configMap can be "
            "specified",
        )
    if place is not None and not _is_whole(place):
        return required(
            f"{_PATH}.configMap",
            "configMapName, configMapNamespace and templatePath must be specified",
        )
    return None


def _is_whole(place: ConfigMapSource) -> bool:
    return bool(place.config_map_name and place.config_map_namespace and place.template_path)


def _text(place: ConfigMapSource | None, context: AdmissionContext) -> str | None:
    if place is None:
        return None
    key = Key(place.config_map_namespace, place.config_map_name)
    data = context.find_config_map(key)
    if data is None:
        raise RenderError(f'configMap not found: there is no ConfigMap "{key}"')
    if place.template_path not in data:
        held = ", ".join(sorted(data)) or "nothing"
        raise RenderError(
            f'unable to find trial template in ConfigMap "{key}": it has no key '
            f'"{place.template_path}", it holds {held}'
        )
    return data[place.template_path]


def _check_parameters(
    spec: ExperimentSpec, parameters: Sequence[TrialParameter], template: Template | None
) -> list[FieldError]:
    """What is wrong with the trial parameters, as far as it is seen without a template."""
    problems: list[FieldError] = []
    declared = _Declared()
    # A neural architecture search assigns parameters that are not in spec.parameters, and one that
    # lacks its name may be the one that is meant: then nothing can be said about references.
    known = {parameter.name for parameter in spec.parameters}
    if "" in known:
        known.clear()
    for index, parameter in enumerate(parameters):
        path = f"{_PARAMETERS}[{index}]"
        unsound = _find_unsound(path, parameter, declared)
        if unsound is not None:
            problems.append(unsound)
            continue
        declared.names[parameter.name] = declared.references[parameter.reference] = None
        if template is not None:
            problems.extend(_check_place(path, parameter, known, template))
    if template is not None:
        problems.extend(_check_left(template, declared))
        if not problems and known:
            problems.extend(_check_use(spec, declared))
    return problems


def _check_place(
    path: str, parameter: TrialParameter, known: set[str], template: Template
) -> Problems:
    """Is there what it refers to, and the placeholder that it fills?"""
    yield from _check_reference(f"{path}.reference", parameter, known, template)
    if parameter.name not in template.placeholders:
        yield _absent(f"{path}.name", parameter.name, template)


def _check_left(template: Template, declared: _Declared) -> Problems:
    left = [name for name in dict.fromkeys(template.placeholders) if name not in declared.names]
    if left:
        yield _undeclared(left, declared.names)


def _find_unsound(path: str, parameter: TrialParameter, declared: _Declared) -> FieldError | None:
    name, reference = parameter.name, parameter.reference
    if not name or not reference or "{" in name or "}" in name:
        return invalid(
            path,
            {"name": name, "reference": reference},
            "name and reference must be specified and name must not contain '{' or '}'",
        )
    if name in declared.names:
        return invalid(
            f"{path}.name",
            name,
            f"parameter name {name} can't be duplicated in spec.trialTemplate.trialParameters",
        )
    if reference in declared.references:
        return invalid(
            f"{path}.reference",
            reference,
            f"parameter reference {reference} can't be duplicated in "
            "spec.trialTemplate.trialParameters",
        )
    return None


def _check_reference(
    path: str, parameter: TrialParameter, known: set[str], template: Template
) -> Problems:
    reference = parameter.reference
    try:
        is_parameter = find_metadata(reference, template, _TEST_TRIAL) is None
    except RenderError as error:
        yield invalid(
            path,
            reference,
            f"parameter reference {reference} does not exist in spec.parameters: {error}",
        )
        return
    if is_parameter and known and reference not in known:
        yield invalid(
            path,
            reference,
            f"parameter reference {reference} does not exist in spec.parameters"
            f"{suggest(reference, known)}",
        )


def _absent(path: str, name: str, template: Template) -> FieldError:
    return invalid(
        path,
        name,
        f"parameter name: {name} in spec.trialParameters not found in spec.trialTemplate; write "
        f"${{trialParameters.{name}}} there{suggest(name, template.placeholders)}",
    )


def _undeclared(left: Sequence[str], declared: dict[str, None]) -> FieldError:
    listed = ", ".join(f"${{trialParameters.{name}}}" for name in left)
    near = suggest(left[0], declared) if len(left) == 1 else ""
    return invalid(
        _PATH,
        None,
        f"parameters: {listed} in spec.trialTemplate not found in spec.trialParameters{near}",
    )


def _check_use(spec: ExperimentSpec, declared: _Declared) -> Problems:
    """Every assignment must be used, or no trial could be made."""
    unused = [item.name for item in spec.parameters if item.name not in declared.references]
    for name in dict.fromkeys(unused):
        yield invalid(
            _PARAMETERS,
            None,
            f"parameter {name} of spec.parameters is referred to by no trial parameter; a trial "
            "must use all of them",
        )


def _check_manifest(source: TrialTemplate, template: Template) -> Problems:
    try:
        manifest = template.fill(dict.fromkeys(template.placeholders, _TEST_VALUE))
    except RenderError as error:
        yield invalid(_PATH, None, f"unable to convert spec.trialTemplate: {error} to unstructured")
        return
    yield from _check_head(manifest)
    # A value always lands inside a string of JSON; in a ConfigMap's text it may be a number.
    for problem in check_workload(manifest, None if template.is_json else _TEST_VALUE):
        yield invalid(_PATH, None, f"invalid spec.trialTemplate: {problem}")
    yield from _check_primary(source, manifest)


def _check_home(source: TrialTemplate, context: AdmissionContext) -> Problems:
    if calls_function(source) and not context.calls_functions:
        yield invalid(
            f"{_PATH}.trialSpec",
            None,
            "a FunctionCall is made on one machine only; in a cluster, let trials be Jobs, as "
            "katib.tune writes them for one",
        )


def _check_head(manifest: Manifest) -> Problems:
    metadata = manifest.get("metadata")
    if isinstance(metadata, dict) and (metadata.get("name") or metadata.get("namespace")):
        yield invalid(
            _PATH,
            None,
            "metadata.name and metadata.namespace in spec.trialTemplate must be omitted",
        )
    if not manifest.get("apiVersion") or not manifest.get("kind"):
        yield required(_PATH, "APIVersion and Kind in spec.trialTemplate must be specified")
        return
    right = _VERSIONS.get((_group(str(manifest["apiVersion"])), manifest["kind"]))
    if right not in (None, manifest["apiVersion"]):
        yield invalid(
            _PATH,
            None,
            f"invalid spec.trialTemplate: apiVersion {manifest['apiVersion']} has no kind "
            f"{manifest['kind']}, write {right}",
        )


def _check_primary(source: TrialTemplate, manifest: Manifest) -> Problems:
    held = container_names(manifest)
    name = source.primary_container_name
    if held and name and name not in held:
        yield invalid(
            f"{_PATH}.primaryContainerName",
            name,
            f"the template has no such container{suggest(name, held)}; it has {', '.join(held)}",
        )
