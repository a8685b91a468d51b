"""What a study does with the Kubernetes API: every request of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote
from uuid import uuid4

from katib.api import names, told
from katib.api.trial_names import trial_name
from katib.api.values import Manifest
from katib.client.backend import AwayError, Backend, RefusedError
from katib.client.study.errors import StudyRefusedError

_JSON_PATCH, _MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"

#: How long a request is repeated whose answer was lost, and how long it is waited for what an
#: engine does as a matter of course, in seconds.
LONGEST_REPEAT = 60.0

#: The first pause between two looks and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.25

_CONFLICTS = frozenset((409, 422))


class Desk:
    """The resources of one experiment.

    Args:
        backend: the API.
        namespace: of the experiment.
        name: of the experiment.
    """

    def __init__(self, backend: Backend, namespace: str, name: str) -> None:
        self.backend, self.namespace, self.name = backend, namespace, name
        self._root = f"/apis/{names.API_VERSION}/namespaces/{quote(namespace)}"

    def create(self, document: Manifest) -> Manifest:
        """Create an experiment, or what is there already.

        Raises:
            RefusedError: the server says what is not legal.
        """
        try:
            return self.backend.ask("POST", f"{self._root}/experiments", document)
        except RefusedError as error:
            if error.reason != "AlreadyExists":
                raise
        except AwayError as error:
            if not error.was_sent:
                raise
        return self.read()

    def read(self) -> Manifest:
        """The experiment.

        Raises:
            StudyRefusedError: it is not there.
        """
        found = self._find(f"experiments/{quote(self.name)}")
        if found is None:
            raise StudyRefusedError(
                f'there is no experiment "{self.name}" in namespace "{self.namespace}"; give '
                "parameters, and it is created"
            )
        return found

    def find_suggestion(self) -> Manifest | None:
        """What the algorithm gave, if it was asked."""
        return self._find(f"suggestions/{quote(self.name)}")

    def find_trial(self, name: str) -> Manifest | None:
        """The trial of that name, if it is there and is of the experiment."""
        found = self._find(f"trials/{quote(name)}")
        labels = {} if found is None else found["metadata"].get("labels") or {}
        return found if labels.get(names.LABEL_EXPERIMENT) == self.name else None

    def list_trials(self) -> Sequence[Manifest]:
        """All of the experiment's."""
        selector = quote(f"{names.LABEL_EXPERIMENT}={self.name}")
        answer = self.backend.ask("GET", f"{self._root}/trials?labelSelector={selector}")
        items: Sequence[Manifest] = answer.get("items") or ()
        return items

    def find_run(self, trial: str) -> Manifest | None:
        """What is told of a trial, as long as it goes on."""
        return self._find(trial, self._run_path)

    def claim(self, limit: Callable[[Manifest, int], int]) -> range:
        """Ask for trials: their numbers, which nobody else has.

        Args:
            limit: how many are asked for, by the experiment and how many were asked for so far; it
                is asked again when others are quicker.

        Raises:
            AwayError: nobody answers.
            RefusedError: the experiment cannot be changed.
        """
        mark = uuid4().hex
        claimed = range(0)
        for _ in _tries():
            experiment = self.read()
            annotations = experiment["metadata"].get("annotations") or {}
            if annotations.get(names.ANNOTATION_ASKED_BY) == mark:
                # The answer was lost, and what it said was not.
                return claimed
            asked = asked_of(experiment)
            claimed = range(asked, asked + limit(experiment, asked))
            if not claimed or self._raise(annotations, claimed.stop, mark):
                return claimed
        raise StudyRefusedError(
            f'experiment "{self.name}" is asked by others again and again; try again'
        )

    def tell(self, trial: str, changes: Sequence[Manifest]) -> bool:
        """Change what is told of a trial; whether that was possible.

        It is not when the trial has ended, or has no run yet.
        """
        ours = {one["path"].rpartition("/")[2]: one["value"] for one in changes}
        test = {"op": "test", "path": f"/data/{told.STATE}", "value": told.ASKED}
        is_unsure = False
        for _ in _tries():
            try:
                self.backend.ask("PATCH", self._run_path(trial), [test, *changes], _JSON_PATCH)
            except AwayError as error:
                if not error.was_sent:
                    raise
                is_unsure = True
                continue
            except RefusedError as error:
                if error.code == 409:
                    continue
                if error.code not in (404, 422):
                    raise
                return is_unsure and self._is_told(trial, ours)
            self._nudge(trial, ours)
            return True
        return False

    def _is_told(self, trial: str, ours: Manifest) -> bool:
        """Whether a change whose answer was lost was made: it is there, or all is over."""
        run = self.find_run(trial)
        data = None if run is None else run.get("data") or {}
        return data is None or all(data.get(key) == value for key, value in ours.items())

    def _nudge(self, trial: str, ours: Manifest) -> None:
        """In a cluster, what happens to a ConfigMap is not followed: the trial says that it did."""
        if self.backend.home is not None:
            return
        mark = {"metadata": {"annotations": {names.ANNOTATION_TOLD: ",".join(sorted(ours))}}}
        self.backend.ask("PATCH", f"{self._root}/trials/{quote(trial)}", mark, _MERGE_PATCH)

    def _raise(self, annotations: Manifest, asked: int, mark: str) -> bool:
        """Raise the number of trials that were asked for; whether nobody was quicker."""
        place = "/metadata/annotations/"
        number = place + names.ANNOTATION_ASKED.replace("/", "~1")
        test = {"op": "test", "path": number, "value": annotations[names.ANNOTATION_ASKED]}
        by = place + names.ANNOTATION_ASKED_BY.replace("/", "~1")
        changes = [
            test,
            {"op": "replace", "path": number, "value": str(asked)},
            {"op": "add", "path": by, "value": mark},
        ]
        path = f"{self._root}/experiments/{quote(self.name)}"
        try:
            self.backend.ask("PATCH", path, changes, _JSON_PATCH)
        except AwayError as error:
            if not error.was_sent:
                raise
            return False
        except RefusedError as error:
            if error.code not in _CONFLICTS:
                raise
            return False
        return True

    def _run_path(self, trial: str) -> str:
        return f"/api/v1/namespaces/{quote(self.namespace)}/configmaps/{quote(trial)}"

    def _find(self, name: str, path: Callable[[str], str] | None = None) -> Manifest | None:
        where = f"{self._root}/{name}" if path is None else path(name)
        try:
            return self.backend.ask("GET", where)
        except RefusedError as error:
            if error.code != 404:
                raise
            return None


def asked_of(experiment: Manifest) -> int:
    """For how many trials of an experiment somebody has asked.

    Raises:
        StudyRefusedError: nobody needs to ask: it makes its trials itself; or some of its trials
            are still being imported.
    """
    metadata = experiment["metadata"]
    if names.ANNOTATION_IMPORTING in (metadata.get("annotations") or {}):
        raise StudyRefusedError(
            f'trials of experiment "{metadata["name"]}" are being imported; if that was broken '
            "off, give the same katib import again"
        )
    text = (metadata.get("annotations") or {}).get(names.ANNOTATION_ASKED)
    if text is None:
        raise StudyRefusedError(
            f'experiment "{metadata["name"]}" makes its trials by itself and waits for nobody to '
            f"ask: it has no annotation {names.ANNOTATION_ASKED}; give the study another name"
        )
    return int(text) if str(text).isdecimal() else 0


def name_of_trial(experiment: Manifest, suggestion: Manifest | None, number: int) -> str:
    """The name of the trial with that number.

    Args:
        experiment: whose.
        suggestion: what its algorithm gave, which may have chosen names itself.
        number: from 0 on.
    """
    status = (suggestion or {}).get("status") or {}
    kept: Sequence[Manifest] = status.get("suggestions") or ()
    place = number - int(status.get("suggestionCount") or 0) + len(kept)
    if 0 <= place < len(kept):
        return str(kept[place]["name"])
    metadata = experiment["metadata"]
    return trial_name(metadata["name"], metadata["uid"], number)


def pauses() -> Iterator[float]:
    """Pauses between looks at what will be there soon, in seconds; they grow."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _tries() -> Iterator[None]:
    """Once more and once more, with pauses, for a while."""
    until = time.monotonic() + LONGEST_REPEAT
    for pause in pauses():
        yield
        if time.monotonic() > until:
            return
        time.sleep(pause)
