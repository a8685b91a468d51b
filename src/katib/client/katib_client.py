"""Katib's client: experiments, trials and suggestions of a cluster, a server or this program."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from katib.api import names
from katib.api.names import API_VERSION
from katib.api.values import Manifest
from katib.client import notebook
from katib.client.backend import Backend, RefusedError
from katib.client.cluster import ClientConfiguration
from katib.client.constants import DEFAULT_TIMEOUT
from katib.client.embedding.tuner import Tuner
from katib.client.finding import find_backend
from katib.client.job_logs import read_lines
from katib.client.observation_log import MetricLog, read_entries
from katib.client.requests import path_of, worded
from katib.client.waiting import CONDITIONS, Pace, has, print_status, reached, wait_until
from katib.models import (
    V1beta1Experiment,
    V1beta1ExperimentCondition,
    V1beta1OptimalTrial,
    V1beta1Suggestion,
    V1beta1Trial,
)
from katib.models.documents import from_json, to_json
from katib.models.model import Model

_LOG = logging.getLogger(__name__)

#: Of a change to a part of a resource.
_MERGE_PATCH = "application/merge-patch+json"

M = TypeVar("M", bound=Model)


class KatibClient(Tuner):
    """Creates, watches and deletes experiments; in place of ``kubeflow.katib.KatibClient``.

    The same names, arguments and results as that client's. It asks what it is told to ask: a
    cluster, by a kubeconfig or a client's configuration, or the engine of a home on this machine.
    When it is told nothing, it finds the first of: the kubeconfig of ``KUBECONFIG``, the cluster in
    whose pod it runs, the server that works in the user's home, and last an engine of its own,
    which lives as long as the program.

    Every method may be called from any thread. ``namespace`` of a method stands for the client's.

    Args:
        config_file: a kubeconfig.
        context: one of its contexts; its current one, if not given.
        client_configuration: where an API server is and who asks it: a
            ``kubernetes.client.Configuration``, or a :class:`katib.Configuration`.
        namespace: where things are, unless a method says otherwise. If not given, that of the
            context or of the pod, else ``default``.
        home: the folder of an engine on this machine.

    Raises:
        ConfigurationError: more than one engine is named, or the one that is cannot be used.
    """

    def __init__(
        self,
        config_file: str | None = None,
        context: str | None = None,
        client_configuration: ClientConfiguration | None = None,
        namespace: str | None = None,
        *,
        home: Path | str | None = None,
    ) -> None:
        told = (config_file, context, client_configuration, os.environ.get("KUBECONFIG"))
        self._backend: Backend = find_backend(config_file, context, client_configuration, home)
        self.namespace = namespace or self._backend.namespace
        self.in_cluster = self._backend.home is None and not any(told)

    def create_experiment(
        self,
        experiment: V1beta1Experiment | Mapping[str, Any],
        namespace: str | None = None,
    ) -> None:
        """Create an experiment.

        Args:
            experiment: a model, or a manifest as a dictionary; objects of Kubernetes' client may
                stand anywhere in it.
            namespace: where; else the one that the experiment names, else the client's.

        Raises:
            ValueError: it has neither a name nor ``generateName``.
            Exception: the name is taken.
            TimeoutError: the answer did not come in time.
            RuntimeError: anything else; the text says everything that is wrong with it.
        """
        document = to_json(experiment)
        metadata: Manifest = document.get("metadata") or {}
        name = metadata.get("name") or metadata.get("generateName")
        if not name:
            raise ValueError("Experiment must have a name or generateName")
        namespace = namespace or metadata.get("namespace") or self.namespace
        document = {"apiVersion": API_VERSION, "kind": "Experiment", **document}
        try:
            with worded(f"create Katib Experiment: {namespace}/{name}"):
                created = self._ask("POST", path_of("experiments", namespace), document)
                name = created["metadata"]["name"]
        except RuntimeError as error:
            if getattr(error.__cause__, "code", None) != 409:
                raise
            raise Exception(
                f"A Katib Experiment with the name {namespace}/{name} already exists."
            ) from error
        _LOG.debug("Experiment %s/%s has been created", namespace, name)
        if self.in_cluster:
            notebook.show_link(namespace, name)

    def get_experiment(
        self, name: str, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> V1beta1Experiment:
        """An experiment as it is now.

        Args:
            name: of it.
            namespace: where, if not the client's.
            timeout: how long the answer may take, in seconds.

        Raises:
            TimeoutError: the answer did not come in time.
            RuntimeError: there is none of that name, or anything else.
        """
        return self._get(V1beta1Experiment, name, namespace, timeout)

    def list_experiments(
        self, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> list[V1beta1Experiment]:
        """All experiments; the arguments and errors are those of :meth:`get_experiment`."""
        return self._list(V1beta1Experiment, namespace, timeout)

    def get_experiment_conditions(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[V1beta1ExperimentCondition]:
        """What happened to an experiment; the last is the newest, and says how it stands.

        Args:
            name: of it.
            namespace: where, if not the client's.
            experiment: as it was read; nothing is asked then.
            timeout: how long the answer may take, in seconds.

        Raises:
            TimeoutError: see :meth:`get_experiment`.
            RuntimeError: see there.
        """
        found = experiment or self.get_experiment(name, namespace, timeout)
        return (found.status.conditions if found.status is not None else None) or []

    def is_experiment_created(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> bool:
        """Whether its engine has seen it; see :meth:`get_experiment_conditions`."""
        return self._is(names.CREATED, name, namespace, experiment, timeout)

    def is_experiment_running(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> bool:
        """Whether it runs now; see :meth:`get_experiment_conditions`."""
        return self._is(names.RUNNING, name, namespace, experiment, timeout)

    def is_experiment_restarting(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> bool:
        """Whether it has been given a larger budget; see :meth:`get_experiment_conditions`."""
        return self._is(names.RESTARTING, name, namespace, experiment, timeout)

    def is_experiment_succeeded(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> bool:
        """Whether it has ended well; see :meth:`get_experiment_conditions`."""
        return self._is(names.SUCCEEDED, name, namespace, experiment, timeout)

    def is_experiment_failed(
        self,
        name: str,
        namespace: str | None = None,
        experiment: V1beta1Experiment | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> bool:
        """Whether it has failed; see :meth:`get_experiment_conditions`."""
        return self._is(names.FAILED, name, namespace, experiment, timeout)

    def wait_for_experiment_condition(  # noqa: PLR0913  # as Katib's
        self,
        name: str,
        namespace: str | None = None,
        expected_condition: str = names.SUCCEEDED,
        timeout: float = 600,
        polling_interval: float = 15,
        apiserver_timeout: float = DEFAULT_TIMEOUT,
    ) -> V1beta1Experiment:
        """Wait until an experiment has a condition, and print how it stands meanwhile.

        It is looked at more often than it is told of, so that nothing is waited for longer than
        needed.

        Args:
            name: of it.
            namespace: where, if not the client's.
            expected_condition: ``Created``, ``Running``, ``Restarting``, ``Succeeded`` or
                ``Failed``.
            timeout: how long is waited, in seconds.
            polling_interval: how often is printed, in seconds.
            apiserver_timeout: how long an answer may take, in seconds.

        Raises:
            ValueError: there is no such condition.
            TimeoutError: it has not come in time, or an answer has not.
            RuntimeError: the experiment has failed, or ended so that the condition will not come;
                or it is gone.
        """
        if expected_condition not in CONDITIONS:
            raise ValueError(
                f"an Experiment has no condition {expected_condition!r}; it has one of "
                f"{', '.join(CONDITIONS)}"
            )
        namespace = namespace or self.namespace
        found, is_reached = wait_until(
            lambda: self.get_experiment(name, namespace, apiserver_timeout),
            lambda seen: reached(seen, expected_condition, f"{namespace}/{name}"),
            print_status,
            Pace(timeout, polling_interval),
        )
        if not is_reached:
            raise TimeoutError(
                f"Timeout waiting for Experiment: {namespace}/{name} to reach "
                f"{expected_condition} state"
            )
        return found

    def edit_experiment_budget(  # noqa: PLR0913  # as Katib's
        self,
        name: str,
        namespace: str | None = None,
        max_trial_count: int | None = None,
        parallel_trial_count: int | None = None,
        max_failed_trial_count: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Change how many trials an experiment may have; one that has ended may so go on.

        Args:
            name: of it.
            namespace: where, if not the client's.
            max_trial_count: how many trials there are in all.
            parallel_trial_count: how many run at once.
            max_failed_trial_count: after how many failures it fails.
            timeout: how long the answer may take, in seconds.

        Raises:
            ValueError: nothing is to be changed.
            TimeoutError: the answer did not come in time.
            RuntimeError: there is none of that name, or the change is refused; the text says why.
        """
        counts = {
            "maxTrialCount": max_trial_count,
            "parallelTrialCount": parallel_trial_count,
            "maxFailedTrialCount": max_failed_trial_count,
        }
        spec = {field: count for field, count in counts.items() if count is not None}
        if not spec:
            raise ValueError(
                "Invalid input arguments. You have to set max_trial_count, parallel_trial_count, "
                "or max_failed_trial_count to modify Experiment Trial budget."
            )
        namespace = namespace or self.namespace
        # As Katib's client does: one that is not there could not be got.
        self.get_experiment(name, namespace, timeout)
        with worded(f"edit Katib Experiment: {namespace}/{name}"):
            path = path_of("experiments", namespace, name)
            self._ask("PATCH", path, {"spec": spec}, timeout, _MERGE_PATCH)
        _LOG.debug("Experiment %s/%s has been updated", namespace, name)

    def delete_experiment(
        self,
        name: str,
        namespace: str | None = None,
        delete_options: Any = None,
        *,
        wait: float | None = None,
    ) -> None:
        """Delete an experiment; its trials and its suggestion go with it.

        Args:
            name: of it.
            namespace: where, if not the client's.
            delete_options: a ``V1DeleteOptions``, or a dictionary.
            wait: how long is waited until it is gone, in seconds. If not given, it may be there for
                a moment yet.

        Raises:
            TimeoutError: the answer did not come in time, or the experiment is still there.
            RuntimeError: there is none of that name, or anything else.
        """
        namespace = namespace or self.namespace
        with worded(f"delete Katib Experiment: {namespace}/{name}"):
            path = path_of("experiments", namespace, name)
            self._ask("DELETE", path, None if delete_options is None else to_json(delete_options))
        _LOG.debug("Experiment %s/%s has been deleted", namespace, name)
        if wait is not None:
            self._wait_until_gone(name, namespace, wait)

    def get_suggestion(
        self, name: str, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> V1beta1Suggestion:
        """The suggestion of an experiment, which has its name; see :meth:`get_experiment`."""
        return self._get(V1beta1Suggestion, name, namespace, timeout)

    def list_suggestions(
        self, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> list[V1beta1Suggestion]:
        """All suggestions; the arguments and errors are those of :meth:`get_experiment`."""
        return self._list(V1beta1Suggestion, namespace, timeout)

    def get_trial(
        self, name: str, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> V1beta1Trial:
        """A trial; the arguments and errors are those of :meth:`get_experiment`."""
        return self._get(V1beta1Trial, name, namespace, timeout)

    def list_trials(
        self,
        experiment_name: str | None = None,
        namespace: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[V1beta1Trial]:
        """All trials, or those of one experiment; errors are those of :meth:`get_experiment`."""
        selector = {"labelSelector": f"{names.LABEL_EXPERIMENT}={experiment_name}"}
        query = selector if experiment_name else None
        return self._list(V1beta1Trial, namespace, timeout, query)

    def get_success_trial_details(
        self,
        experiment_name: str | None = None,
        namespace: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[dict[str, Any]]:
        """Of each trial that has succeeded: ``name``, ``parameter_assignments`` and ``metrics``.

        The arguments and errors are those of :meth:`list_trials`.
        """
        details = []
        for trial in self.list_trials(experiment_name, namespace, timeout):
            status, spec = trial.status, trial.spec
            conditions = (status.conditions if status is not None else None) or []
            if any(one.type == names.SUCCEEDED and one.status == "True" for one in conditions):
                observation = status.observation if status is not None else None
                details.append(
                    {
                        "name": trial.metadata.name if trial.metadata is not None else None,
                        "parameter_assignments": spec.parameter_assignments if spec else None,
                        "metrics": (observation.metrics if observation else None) or [],
                    }
                )
        return details

    def get_optimal_hyperparameters(
        self, name: str, namespace: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> V1beta1OptimalTrial | None:
        """The best trial so far, ``None`` without one; see :meth:`get_experiment`."""
        status = self.get_experiment(name, namespace, timeout).status
        best = status.current_optimal_trial if status is not None else None
        is_observed = best is not None and best.observation is not None and best.observation.metrics
        return best if is_observed else None

    def get_trial_metrics(
        self,
        name: str,
        namespace: str | None = None,
        db_manager_address: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[MetricLog]:
        """Every value of a trial's metrics, by time.

        Args:
            name: of the trial.
            namespace: where, if not the client's.
            db_manager_address: ``host:port`` of the database manager to ask. If not given, the
                server is asked, and in a cluster the manager that Katib is installed with.
            timeout: how long the answer may take, in seconds.

        Raises:
            RuntimeError: there is no such trial, or no answer.
        """
        namespace = namespace or self.namespace
        try:
            return read_entries(self._backend, namespace, name, db_manager_address, timeout)
        except Exception as error:
            raise RuntimeError(
                f"Unable to get metrics for Trial {namespace}/{name}. Exception: {error}"
            ) from error

    def get_job_logs(
        self, name: str, trial_name: str, follow: bool = False, namespace: str | None = None
    ) -> Iterator[str]:
        """What a trial's program prints, line by line.

        Args:
            name: of the experiment.
            trial_name: of the trial.
            follow: go on until the program has ended.
            namespace: where, if not the client's.

        Raises:
            ValueError: a name is empty.
            RuntimeError: there is no such trial, it has no pod yet, or the server says why not.
        """
        for what, given in (("Experiment", name), ("Trial", trial_name)):
            if not given:
                raise ValueError(f"{what} name is required")
        yield from read_lines(self._backend, namespace or self.namespace, trial_name, bool(follow))

    def close(self) -> None:
        """Let go of connections; an engine of its own ends with the program's last client."""
        self._backend.close()

    def _is(
        self,
        condition: str,
        name: str,
        namespace: str | None,
        experiment: V1beta1Experiment | None,
        timeout: float,
    ) -> bool:
        return has(experiment or self.get_experiment(name, namespace, timeout), condition)

    def _get(self, model: type[M], name: str, namespace: str | None, timeout: float) -> M:
        namespace, kind = namespace or self.namespace, _kind_of(model)
        with worded(f"get Katib {kind}: {namespace}/{name}"):
            path = path_of(f"{kind.lower()}s", namespace, name)
            return from_json(model, self._ask("GET", path, timeout=timeout))

    def _list(
        self,
        model: type[M],
        namespace: str | None,
        timeout: float,
        query: Mapping[str, str] | None = None,
    ) -> list[M]:
        namespace, kind = namespace or self.namespace, _kind_of(model)
        with worded(f"list Katib {kind}s in namespace: {namespace}"):
            path = path_of(f"{kind.lower()}s", namespace, query=query)
            return [
                from_json(model, one) for one in self._ask("GET", path, timeout=timeout)["items"]
            ]

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        timeout: float = DEFAULT_TIMEOUT,
        media_type: str = "application/json",
    ) -> Manifest:
        return self._backend.ask(method, path, body, media_type, patience=timeout)

    def _find(self, name: str, namespace: str) -> Manifest | None:
        try:
            return self._ask("GET", path_of("experiments", namespace, name))
        except RefusedError as error:
            if error.code != 404:
                raise
            return None

    def _wait_until_gone(self, name: str, namespace: str, seconds: float) -> None:
        with worded(f"delete Katib Experiment: {namespace}/{name}"):
            left, is_gone = wait_until(
                lambda: self._find(name, namespace),
                lambda seen: seen is None,
                lambda seen: None,
                Pace(seconds, seconds),
            )
        if not is_gone and left is not None:
            holders = ", ".join(left["metadata"].get("finalizers") or ()) or "nothing"
            raise TimeoutError(
                f"Timeout to delete Katib Experiment: {namespace}/{name} is still there after "
                f"{seconds:g} s, held by its finalizers: {holders}. Its engine takes them off: see "
                "that it runs"
            )


def _kind_of(model: type[Model]) -> str:
    """``Trial`` for ``V1beta1Trial``."""
    return model.__name__.removeprefix("V1beta1")
