"""A v1alpha3 Experiment → the v1beta1 Experiment that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from katib.api import names
from katib.api.values import Key, Manifest
from katib.conversion.scope import NAS_PARAMETERS
from katib.conversion.syntax import Source
from katib.conversion.version import API_VERSION
from katib.conversion.workload import make_trial_template
from katib.errors import AdmissionError, FieldError, ManifestError

#: Where v1alpha3 looks for a template when an experiment has none.
DEFAULT_TEMPLATE = Key("kubeflow", "trial-template")
DEFAULT_TEMPLATE_PATH = "defaultTrialTemplate.yaml"

FindConfigMap = Callable[[Key], Mapping[str, str] | None]

_TEMPLATE = "spec.trialTemplate"
_GO_TEMPLATE = f"{_TEMPLATE}.goTemplate"
_RAW = f"{_GO_TEMPLATE}.rawTemplate"
_TEMPLATE_SPEC = f"{_GO_TEMPLATE}.templateSpec"
_NEW_FIELDS = ("trialSpec", "configMap", "trialParameters")


def convert(manifest: Manifest, find_config_map: FindConfigMap) -> Manifest:
    """The document as v1beta1 has it; a new one, and the old one stays as it is.

    What is misshapen in both versions is left as it is: admission says so.

    Args:
        manifest: an Experiment of v1alpha3 as plain JSON data.
        find_config_map: the data of a ConfigMap, or ``None`` when there is none of that name.

    Raises:
        AdmissionError: v1beta1 cannot express it; every reason is in it, with the template's line.
    """
    converted = convert_fields(manifest)
    spec = converted.get("spec")
    if not isinstance(spec, dict):
        return converted
    stated = _inside(manifest, "spec").get("trialTemplate")
    what = _what(manifest)
    _check_version(what, stated)
    _check_search(what, spec)
    path, source = _find_template(what, stated, find_config_map)
    try:
        made = make_trial_template(source, manifest)
    except ManifestError as error:
        raise _refusal(what, path, str(error)) from error
    if made.problems:
        raise _refusal(what, path, *map(str, made.problems))
    kept = {"retain": True} if stated is None else _inside(spec, "trialTemplate")
    spec["trialTemplate"] = {**kept, **made.template}
    return converted


def convert_fields(manifest: Manifest) -> Manifest:
    """The document with everything converted but its template, which is left out."""
    converted: Manifest = deepcopy({**manifest, "apiVersion": names.API_VERSION})
    converted.pop("status", None)
    spec = converted.get("spec")
    if isinstance(spec, dict):
        spec["resumePolicy"] = spec.get("resumePolicy") or names.LONG_RUNNING
        _raise_limit(spec)
        collector = _inside(_inside(spec, "metricsCollectorSpec"), "collector")
        if collector.get("kind") == "None":
            collector["kind"] = "Push"
        _move_early_stopping(spec)
        _inside(spec, "trialTemplate").pop("goTemplate", None)
    return converted


def _raise_limit(spec: Manifest) -> None:
    """An experiment failed with more failed trials than the limit; now it does with as many."""
    limit, most = spec.get("maxFailedTrialCount"), spec.get("maxTrialCount")
    if not isinstance(limit, int) or limit < 0:
        return
    if isinstance(most, int) and limit >= most:
        # More than all trials could never fail.
        del spec["maxFailedTrialCount"]
    else:
        spec["maxFailedTrialCount"] = limit + 1


def _move_early_stopping(spec: Manifest) -> None:
    algorithm = _inside(spec, "algorithm")
    stated = algorithm.pop("earlyStopping", None)
    name = stated.get("earlyStoppingAlgorithmName") if isinstance(stated, dict) else None
    if name:
        settings = stated.get("earlyStoppingSettings")
        moved = {"algorithmName": name, "algorithmSettings": settings}
        spec["earlyStopping"] = {key: value for key, value in moved.items() if value is not None}


def _check_version(what: str, template: Any) -> None:
    new = [field for field in _NEW_FIELDS if isinstance(template, dict) and field in template]
    if new:
        detail = f'must be "{names.API_VERSION}", as {_TEMPLATE}.{new[0]} belongs to that version'
        raise _refusal(what, "apiVersion", detail, found=f'"{API_VERSION}"')


def _check_search(what: str, spec: Manifest) -> None:
    algorithm = _inside(spec, "algorithm").get("algorithmName")
    if spec.get("nasConfig") and not spec.get("parameters") and algorithm not in NAS_PARAMETERS:
        raise _refusal(
            what,
            "spec.algorithm.algorithmName",
            "the names of the parameters that it assigns must be known to convert the template; "
            f"with nasConfig they are for {', '.join(NAS_PARAMETERS)}",
            found=f'"{algorithm}"',
        )


def _find_template(what: str, template: Any, find: FindConfigMap) -> tuple[str, Source]:
    """The template's text, and the field that says where it is."""
    if template is not None and not isinstance(template, dict):
        raise _refusal(what, _TEMPLATE, "must be a map")
    stated = (template or {}).get("goTemplate")
    if stated is not None and not isinstance(stated, dict):
        raise _refusal(what, _GO_TEMPLATE, "must be a map")
    raw, place = (stated or {}).get("rawTemplate"), (stated or {}).get("templateSpec")
    if raw and place is not None:
        raise _refusal(what, _GO_TEMPLATE, "must have rawTemplate or templateSpec, and has both")
    if raw:
        if not isinstance(raw, str):
            raise _refusal(what, _RAW, "must be a text, write rawTemplate: |-")
        return _RAW, Source("the template", raw)
    if place is None:
        text = _fetch(what, _TEMPLATE, (DEFAULT_TEMPLATE, DEFAULT_TEMPLATE_PATH), find)
        return _TEMPLATE, text
    wanted = [_text(place, f"configMap{field}") for field in ("Namespace", "Name")]
    path = _text(place, "templatePath")
    if not all((*wanted, path)):
        raise _refusal(
            what,
            _TEMPLATE_SPEC,
            "configMapName, configMapNamespace and templatePath must be specified",
            problem="Required value",
        )
    return _TEMPLATE_SPEC, _fetch(what, _TEMPLATE_SPEC, (Key(*wanted), path), find)


def _fetch(what: str, path: str, place: tuple[Key, str], find: FindConfigMap) -> Source:
    key, entry = place
    default = "" if path != _TEMPLATE else "no goTemplate is given, so the default one is used; "
    data = find(key)
    if data is None:
        raise _refusal(
            what,
            path,
            f'{default}there is no ConfigMap "{key}"; put it into the same file, as another '
            "document",
        )
    if entry not in data:
        held = ", ".join(sorted(data)) or "nothing"
        raise _refusal(
            what, path, f'{default}the ConfigMap "{key}" has no key "{entry}", it holds {held}'
        )
    return Source(f'"{entry}" of the ConfigMap "{key}"', str(data[entry]))


def _refusal(
    what: str,
    path: str,
    *details: str,
    problem: str = "Invalid value",
    found: str | None = None,
) -> AdmissionError:
    return AdmissionError(what, [FieldError(path, problem, detail, found) for detail in details])


def _what(manifest: Manifest) -> str:
    metadata = _inside(manifest, "metadata")
    return f'Experiment "{metadata.get("name") or metadata.get("generateName") or ""}"'


def _inside(manifest: Manifest, name: str) -> Manifest:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _text(place: Any, name: str) -> str:
    found = place.get(name) if isinstance(place, dict) else None
    return found if isinstance(found, str) else ""
