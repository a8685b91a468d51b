"""Manifest in, legal Experiment out."""

from __future__ import annotations

from msgspec.structs import replace

from katib.admission.context import AdmissionContext
from katib.admission.defaulting import with_defaults
from katib.admission.metadata import check_metadata
from katib.admission.problems import invalid, required
from katib.admission.shape import fit
from katib.admission.updates import changed_fields
from katib.admission.validation import validate
from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS, Experiment, ExperimentStatus
from katib.api.values import Manifest
from katib.conversion.version import is_old
from katib.errors import AdmissionError, FieldError

#: Types of parameters that have a list of choices.
_WITH_CHOICES = ("categorical", "discrete")


def admit(
    manifest: Manifest, context: AdmissionContext, old: Experiment | None = None
) -> Experiment:
    """The experiment that a manifest describes, with its defaults.

    A manifest of v1alpha3 is converted first, and refused at once if that cannot be done.

    Its status is that of ``old``, and empty when there is none: what a manifest says there is not
    the user's to say, nor is the time of deletion in a new one. Unknown fields are left out;
    :func:`unknown_fields` names them. A stored experiment that is being deleted, or whose spec is
    unchanged, is not validated, so that a home that has lost an algorithm cannot keep it from being
    labelled, finalized and deleted.

    Args:
        manifest: the document as plain JSON data.
        context: what this home knows.
        old: the experiment as it is stored, when this is an update.

    Raises:
        AdmissionError: it is refused; all errors are in it, misfits first, then by rule.
    """
    if is_old(manifest):
        # Few documents are: the others need not wait until this is loaded.
        from katib.conversion.experiment import convert

        manifest = convert(manifest, context.find_config_map)
    kind_errors = _check_kind(manifest)
    if any(error.path == "kind" for error in kind_errors):
        raise AdmissionError(_what(manifest), kind_errors)
    fitting = fit(_with_choices(manifest))
    fitting.manifest["apiVersion"] = EXPERIMENTS.api_version
    experiment = with_defaults(from_manifest(EXPERIMENTS, fitting.manifest))
    stored = None if old is None else with_defaults(old)
    experiment = _with_status(experiment, stored)
    if stored is not None and stored.metadata.deletion_timestamp is not None:
        return experiment
    errors = kind_errors + [error for error in fitting.errors if error.path != "apiVersion"]
    if errors or stored is None or changed_fields(experiment, stored):
        misfits = [error.path for error in fitting.errors]
        errors += validate(experiment, context, stored, misfits)
    elif experiment.metadata.labels != stored.metadata.labels:
        errors += check_metadata(experiment.metadata)
    if errors:
        raise AdmissionError(_what(manifest), errors)
    return experiment


def with_default_spec(manifest: Manifest) -> Manifest:
    """The manifest with everything filled in that its spec may leave out.

    What has not the shape of an Experiment is returned as it is: :func:`admit` refuses it.
    """
    fitting = fit(_with_choices(manifest))
    if fitting.errors:
        return manifest
    experiment = with_defaults(from_manifest(EXPERIMENTS, fitting.manifest))
    return {**manifest, "spec": to_manifest(experiment).get("spec") or {}}


def unknown_fields(manifest: Manifest) -> tuple[str, ...]:
    """A sentence for every field that an Experiment does not have; they are warnings.

    A manifest of v1alpha3 may have that version's fields.
    """
    if is_old(manifest):
        from katib.conversion.experiment import convert_fields

        manifest = convert_fields(manifest)
    return tuple(fit(manifest).unknown)


def _with_choices(manifest: Manifest) -> Manifest:
    """The manifest with the choices of its parameters where they belong.

    Katib's SDK 0.19.0 puts what is given to ``search.categorical`` into ``distribution``.
    """
    spec = manifest.get("spec")
    parameters = spec.get("parameters") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(parameters, list):
        return manifest
    mended = [_with_list(one) if isinstance(one, dict) else one for one in parameters]
    return {**manifest, "spec": {**spec, "parameters": mended}}


def _with_list(parameter: Manifest) -> Manifest:
    space = parameter.get("feasibleSpace")
    if parameter.get("parameterType") not in _WITH_CHOICES or not isinstance(space, dict):
        return parameter
    if not isinstance(space.get("distribution"), list) or space.get("list"):
        return parameter
    others = {key: value for key, value in space.items() if key != "distribution"}
    return {**parameter, "feasibleSpace": {**others, "list": space["distribution"]}}


def _with_status(experiment: Experiment, old: Experiment | None) -> Experiment:
    """With what only a store writes: nothing of it comes in with a new document."""
    if old is not None:
        return replace(experiment, status=old.status)
    metadata = replace(
        experiment.metadata, deletion_timestamp=None, deletion_grace_period_seconds=None
    )
    return replace(experiment, metadata=metadata, status=ExperimentStatus())


def _check_kind(manifest: Manifest) -> list[FieldError]:
    errors = []
    for path, right in (("apiVersion", EXPERIMENTS.api_version), ("kind", EXPERIMENTS.name)):
        found = manifest.get(path)
        if found is None or found == "":
            errors.append(required(path, f'must be "{right}"'))
        elif found != right:
            errors.append(invalid(path, found, f'must be "{right}"'))
    return errors


def _what(manifest: Manifest) -> str:
    metadata = manifest.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = named.get("name") or named.get("generateName") or ""
    return f'Experiment "{name}"'
