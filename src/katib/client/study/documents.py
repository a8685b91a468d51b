"""The Experiment of a study: made of what a program says, compared with what is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from katib.api import names, told
from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.client.study.errors import StudyRefusedError
from katib.client.study.telling import Value

#: How many trials may be asked for and not told of, when nothing is said.
OUTSTANDING = 1000

#: What searches, and what is optimised, when nothing is said.
ALGORITHM, OBJECTIVE = "tpe", "objective"

#: What says how a study searches: parameters by name, or an Experiment: plain data, or its file.
Searched = Mapping[str, Any] | Path | str


class StudySpec(TypedDict, total=False):
    """How a study searches; the names are those of :func:`katib.tune`.

    Attributes:
        algorithm: a search algorithm; ``tpe`` when it is left out.
        algorithm_settings: its settings.
        objective_metric_name: what is optimised; ``objective`` when it is left out.
        additional_metric_names: of metrics that are kept beside it.
        objective_type: ``minimize``, when it is left out, or ``maximize``.
        objective_goal: the study is finished when a trial is as good as this.
        max_trial_count: the study is finished when so many trials have ended.
        parallel_trial_count: how many trials may be asked for and not told of.
        max_failed_trial_count: the study fails when so many trials have failed.
        early_stopping: a rule by which reports are judged.
        early_stopping_settings: its settings.
    """

    algorithm: str
    algorithm_settings: Mapping[str, object]
    objective_metric_name: str
    additional_metric_names: Sequence[str]
    objective_type: str
    objective_goal: float
    max_trial_count: int
    parallel_trial_count: int
    max_failed_trial_count: int
    early_stopping: str
    early_stopping_settings: Mapping[str, object]


def word_spec(searched: Searched, spec: StudySpec) -> Manifest:
    """The spec of an Experiment, as far as it is said.

    Raises:
        StudyRefusedError: something cannot be used; the text names it.
        ManifestError: a file is not legal.
    """
    given = find_document(searched)
    if given is None:
        assert isinstance(searched, Mapping)
        return _word([word_parameter(name, one) for name, one in searched.items()], spec)
    if spec:
        raise StudyRefusedError(
            f"{', '.join(sorted(spec))}: an Experiment says this itself; write it there"
        )
    found: Manifest = given.get("spec") or {}
    template = found.get("trialTemplate")
    if template is not None and not told.is_told(template.get("trialSpec") or {}):
        raise StudyRefusedError(
            "spec.trialTemplate: whoever asks carries the trials out; leave it out"
        )
    return found


def complete(said: Manifest, *, is_document: bool) -> Manifest:
    """The spec with what makes its trials asked for and told of, and with a study's defaults.

    Args:
        said: what is said.
        is_document: whether an Experiment says it. Where none does, what a trial says last of a
            metric is its value, and no earlier report.
    """
    objective = {**word_objective({}), **(said.get("objective") or {})}
    if not is_document:
        objective = {**_latest(objective), **objective}
    parameters = [str(one.get("name")) for one in said.get("parameters") or ()]
    budget = said.get("maxTrialCount")
    return {
        "parallelTrialCount": OUTSTANDING if budget is None else min(OUTSTANDING, budget),
        "resumePolicy": names.LONG_RUNNING,
        "trialTemplate": told.template_of(parameters),
        **said,
        "metricsCollectorSpec": told.COLLECTOR,
        "objective": objective,
        "algorithm": said.get("algorithm") or {"algorithmName": ALGORITHM},
    }


def document_of(searched: Searched, spec: Manifest, name: str, namespace: str) -> Manifest:
    """The Experiment that waits to be asked.

    Args:
        searched: its metadata is kept, if it is a document.
        spec: complete.
        name: of the experiment.
        namespace: where it is to live.
    """
    metadata = dict((find_document(searched) or {}).get("metadata") or {})
    annotations = {**(metadata.get("annotations") or {}), names.ANNOTATION_ASKED: "0"}
    metadata |= {"name": name, "namespace": namespace, "annotations": annotations}
    head = {"apiVersion": names.API_VERSION, "kind": "Experiment"}
    return {**head, "metadata": metadata, "spec": spec}


def find_document(searched: Searched) -> Manifest | None:
    """The Experiment, if it is one.

    Raises:
        StudyRefusedError: a file holds none, or several.
        ManifestError: it is not legal.
    """
    if isinstance(searched, Mapping):
        return dict(searched) if _is_document(searched) else None
    path = Path(searched).expanduser()
    try:
        found = [one for one in load_yaml(path.read_bytes(), str(path)) if _is_document(one)]
    except OSError as error:
        raise StudyRefusedError(f"{path}: {error.strerror or error}") from error
    if len(found) != 1:
        raise StudyRefusedError(f"{path}: found {len(found)} Experiments; one is expected")
    return found[0]


def name_of(searched: Searched) -> str:
    """The name that a document has; empty when it has none, or there is no document."""
    metadata = (find_document(searched) or {}).get("metadata") or {}
    return str(metadata.get("name") or "")


def word_parameter(name: str, given: object) -> Manifest:
    """A parameter as a document has it.

    Args:
        name: of the parameter.
        given: what ``katib.search`` gives, or the fields of a document.

    Raises:
        StudyRefusedError: it is neither.
    """
    type = getattr(given, "parameter_type", None)
    space = getattr(given, "feasible_space", None)
    if isinstance(given, Mapping):
        type, space = given.get("parameterType"), given.get("feasibleSpace")
    if type is None or space is None:
        raise StudyRefusedError(
            f"parameter {name}: found {given!r}; one of katib.search is expected, such as "
            "katib.search.double(0.01, 0.1)"
        )
    return {"name": name, "parameterType": type, "feasibleSpace": _space(space)}


def choices_of(searched: Searched) -> dict[str, dict[str, Value]]:
    """What the texts of lists stand for, by parameter, where they were no texts."""
    if isinstance(searched, (str, Path)) or _is_document(searched):
        return {}
    found: dict[str, dict[str, Value]] = {}
    for name, given in searched.items():
        space = given.get("feasibleSpace") if isinstance(given, Mapping) else given
        space = getattr(space, "feasible_space", space)
        values = space.get("list") if isinstance(space, Mapping) else getattr(space, "list", None)
        others = {str(one): one for one in values or () if not isinstance(one, str)}
        if others:
            found[name] = others
    return found


def find_difference(ours: Any, stored: Any, path: str = "spec") -> str:
    """The first thing that we say and that is stored otherwise; empty when there is none.

    What is stored and not said by us is a default, or does not matter to us.
    """
    if isinstance(ours, Mapping) and isinstance(stored, Mapping):
        pairs = [(f"{path}.{key}", one, stored.get(key)) for key, one in ours.items()]
    elif isinstance(ours, list) and isinstance(stored, list) and len(ours) == len(stored):
        pairs = [(f"{path}[{index}]", one, stored[index]) for index, one in enumerate(ours)]
    else:
        return "" if ours == stored else f"{path} is {_show(stored)} there and {_show(ours)} here"
    return next(filter(None, (find_difference(one, two, where) for where, one, two in pairs)), "")


def _is_document(given: Mapping[str, Any]) -> bool:
    return given.get("kind") == "Experiment"


def word_objective(spec: StudySpec) -> Manifest:
    """The objective of a study, with its defaults."""
    return {
        "type": spec.get("objective_type", names.MINIMIZE),
        "objectiveMetricName": spec.get("objective_metric_name", OBJECTIVE),
        **_stated({"goal": spec.get("objective_goal")}),
        **({"additionalMetricNames": more} if (more := _additional(spec)) else {}),
    }


def _latest(objective: Manifest) -> Manifest:
    metrics = [objective["objectiveMetricName"], *objective.get("additionalMetricNames", ())]
    return {"metricStrategies": [{"name": one, "value": names.LATEST} for one in metrics]}


def _additional(spec: StudySpec) -> list[str]:
    return list(spec.get("additional_metric_names", ()))


def _word(parameters: Sequence[Manifest], spec: StudySpec) -> Manifest:
    objective: Manifest = {
        "type": spec.get("objective_type"),
        "objectiveMetricName": spec.get("objective_metric_name"),
        "additionalMetricNames": _additional(spec) or None,
        "goal": spec.get("objective_goal"),
    }
    settings = spec.get("algorithm_settings")
    algorithm = spec.get("algorithm") or (ALGORITHM if settings else None)
    rule = spec.get("early_stopping")
    found: Manifest = {
        "parameters": list(parameters),
        "objective": _stated(objective) or None,
        "algorithm": _algorithm(algorithm, settings) if algorithm else None,
        "maxTrialCount": spec.get("max_trial_count"),
        "parallelTrialCount": spec.get("parallel_trial_count"),
        "maxFailedTrialCount": spec.get("max_failed_trial_count"),
        "earlyStopping": _algorithm(rule, spec.get("early_stopping_settings")) if rule else None,
    }
    return _stated(found)


def _algorithm(name: str, settings: Mapping[str, object] | None) -> Manifest:
    texts = [{"name": key, "value": str(value)} for key, value in (settings or {}).items()]
    return _stated({"algorithmName": name, "algorithmSettings": texts or None})


def _space(space: object) -> Manifest:
    fields = ("max", "min", "list", "step", "distribution")
    pairs = {
        name: space.get(name) if isinstance(space, Mapping) else getattr(space, name, None)
        for name in fields
    }
    texts = {name: str(value) for name, value in pairs.items() if value is not None}
    if pairs["list"] is not None:
        return {**texts, "list": [str(one) for one in pairs["list"]]}
    return texts


def _stated(fields: Manifest) -> Manifest:
    return {name: value for name, value in fields.items() if value is not None}


def _show(value: object) -> str:
    return "not set" if value is None else repr(value)
