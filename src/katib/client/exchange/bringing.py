"""Makes an experiment of an archive: its trials are there, and have ended.

They come in by the ordinary way, as trials whose runs say how they ended, so that no engine needs
to be told what to make of them. Until all are there the experiment waits, and says so; an import
that was broken off goes on when it is begun again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from katib.api import names, told
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.exchange.archive import Archive, PastReport, PastTrial
from katib.client.exchange.errors import ImportRefusedError
from katib.client.exchange.spaces import find_misfit
from katib.client.study.desk import pauses

_JSON_PATCH = "application/json-patch+json"

#: Counters of trials that have ended, in the status of an experiment.
_ENDED = (
    "trialsSucceeded",
    "trialsFailed",
    "trialsKilled",
    "trialsEarlyStopped",
    "trialMetricsUnavailable",
)

#: Told how many trials there are so far, and how many have ended.
Tell = Callable[[int, int], None]


def check_archive(archive: Archive) -> None:
    """See that the search space has every value of every trial.

    Raises:
        ImportRefusedError: with all that it has not.
    """
    parameters = {one["name"]: one for one in archive.parameters}
    problems = [
        f"{trial.place}, {name}: {misfit}"
        for trial in archive.trials
        for name, text in trial.parameters.items()
        if (misfit := _misfit(parameters.get(name), text))
    ]
    if problems:
        raise ImportRefusedError(archive.source, problems)


def _misfit(parameter: Manifest | None, text: str) -> str:
    if parameter is None:
        return "the experiment has no such parameter"
    return find_misfit(parameter, text)


@dataclass(frozen=True, slots=True)
class Bringing:
    """The import of one archive.

    Attributes:
        backend: the engine's API.
        document: the Experiment that is to be; its annotations let it wait to be asked.
        archive: what is imported; its values fit.
        is_studied: whether trials to come are asked for by users' programs, too.
    """

    backend: Backend
    document: Manifest
    archive: Archive
    is_studied: bool

    def run(self, tell: Tell) -> Manifest:
        """Bring all in, and return when the engine knows how each trial ended; the experiment.

        Raises:
            ImportRefusedError: there is another experiment of that name, or the engine refuses
                something; then nothing is left of the import.
        """
        experiment = self._create()
        count = len(self.archive.trials)
        try:
            for number, trial in enumerate(self.archive.trials):
                self._create_trial(experiment, number, trial)
                tell(number + 1, 0)
        except RefusedError as error:
            self.backend.ask("DELETE", self._path("experiments", self._name))
            raise ImportRefusedError(self.archive.source, [str(error)]) from error
        for pause in pauses():
            status = self.backend.ask("GET", self._path("experiments", self._name)).get("status")
            ended = sum(int((status or {}).get(counter) or 0) for counter in _ENDED)
            tell(count, min(count, ended))
            if ended >= count:
                break
            time.sleep(pause)
        return self._release(count)

    @property
    def _name(self) -> str:
        name: str = self.document["metadata"]["name"]
        return name

    def _create(self) -> Manifest:
        digest = _digest(self.archive)
        metadata = self.document["metadata"]
        annotations = {**metadata["annotations"], names.ANNOTATION_IMPORTING: digest}
        document = {**self.document, "metadata": {**metadata, "annotations": annotations}}
        try:
            return self.backend.ask("POST", self._path("experiments"), document)
        except RefusedError as error:
            if error.reason != "AlreadyExists":
                raise ImportRefusedError(self.archive.source, [str(error)]) from error
        found = self.backend.ask("GET", self._path("experiments", self._name))
        known = found["metadata"].get("annotations") or {}
        if known.get(names.ANNOTATION_IMPORTING) != digest:
            raise ImportRefusedError(
                self.archive.source,
                [f'there is an experiment "{self._name}" already; give the new one another name'],
            )
        return found

    def _create_trial(self, experiment: Manifest, number: int, trial: PastTrial) -> None:
        try:
            self.backend.ask("POST", self._path("trials"), build_trial(experiment, number, trial))
        except RefusedError as error:
            # From the import that this one goes on with.
            if error.reason != "AlreadyExists":
                raise

    def _release(self, count: int) -> Manifest:
        """Let the search go on, by whoever asks or by itself."""
        place = "/metadata/annotations/"
        changes: list[Manifest] = [
            {"op": "add", "path": f"{place}{_escaped(names.LABEL_IMPORTED)}", "value": str(count)},
            {"op": "remove", "path": f"{place}{_escaped(names.ANNOTATION_IMPORTING)}"},
        ]
        if not self.is_studied:
            path = f"{place}{_escaped(names.ANNOTATION_ASKED)}"
            changes.append({"op": "remove", "path": path})
        path = self._path("experiments", self._name)
        return self.backend.ask("PATCH", path, changes, _JSON_PATCH)

    def _path(self, plural: str, name: str = "") -> str:
        namespace = self.document["metadata"]["namespace"]
        root = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{plural}"
        return f"{root}/{name}" if name else root


def build_trial(experiment: Manifest, number: int, trial: PastTrial) -> Manifest:
    """A trial whose run says from the beginning how it ended.

    Args:
        experiment: whose, as the API gives it.
        number: among those that are imported; from 0 on.
        trial: that ended elsewhere.
    """
    metadata = experiment["metadata"]
    data = {told.STATE: trial.state, told.REASON: "Imported", told.MESSAGE: trial.message}
    data |= {told.report_key(place): _word(report) for place, report in enumerate(trial.reports)}
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": "Experiment",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {names.LABEL_EXPERIMENT: metadata["name"], names.LABEL_IMPORTED: "true"}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Trial",
        "metadata": {
            # No algorithm's assignment has a 0 in its name.
            "name": f"{metadata['name']}-{number:08d}",
            "namespace": metadata["namespace"],
            "labels": {**(metadata.get("labels") or {}), **labels},
            "ownerReferences": [owner],
        },
        "spec": {
            "objective": experiment["spec"]["objective"],
            "parameterAssignments": [
                {"name": name, "value": text} for name, text in trial.parameters.items()
            ],
            "runSpec": told.run_of(data),
            "metricsCollector": told.COLLECTOR,
            "primaryContainerName": told.NO_CONTAINER,
            "successCondition": told.SUCCESS_CONDITION,
            "failureCondition": told.FAILURE_CONDITION,
        },
    }


def _word(report: PastReport) -> str:
    if report.time is None:
        return json.dumps(dict(report.values))
    return json.dumps({"timestamp": report.time.isoformat(), **report.values})


def _digest(archive: Archive) -> str:
    """The same for the same trials."""
    trials = [
        [one.parameters, [_word(report) for report in one.reports], one.state]
        for one in archive.trials
    ]
    return hashlib.sha256(json.dumps(trials).encode()).hexdigest()[:32]


def _escaped(key: str) -> str:
    return key.replace("/", "~1")


def tell_budget(spec: Mapping[str, object], count: int) -> Sequence[str]:
    """What importing so many trials means for the experiment's budget, for the user."""
    budget = spec.get("maxTrialCount")
    if not isinstance(budget, int):
        return ()
    left = budget - count
    if left > 0:
        return (f"they count in maxTrialCount: {left} of {budget} trials are left",)
    return (f"maxTrialCount is {budget}, so the experiment is finished: raise it to go on",)
