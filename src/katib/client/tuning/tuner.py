"""``katib.tune``: from a function to the best of its parameters, in one call."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from katib.api import codec, names
from katib.client.backend import AwayError, Backend, Host, RefusedError
from katib.client.cluster import ClientConfiguration
from katib.client.finding import find_backend
from katib.client.tuning.called import TunedFunction
from katib.client.tuning.documents import (
    Limits,
    Plan,
    config_map_name,
    config_map_of,
    experiment_of,
    function_call,
    job_of,
)
from katib.client.tuning.following import Follower, has_failed
from katib.client.tuning.objective import find_calling_way, name_of
from katib.client.tuning.parameters import read_parameters
from katib.client.tuning.progress import Progress, choose_progress
from katib.client.tuning.result import TuneResult, told_failures
from katib.client.tuning.shipping import Shipment, ship
from katib.client.tuning.submitting import Exists, Submission, pause, submit
from katib.errors import ConfigurationError, KatibError

#: How many trials there are when nobody says.
TRIALS = 100

#: How many run at once in a cluster that is not told: Katib's own number.
IN_CLUSTER = 3

#: How long the name of an experiment is that is made of a function's, at most.
_LONGEST_NAME = 40

_NOTHING: Mapping[str, object] = {}


class TuneFailedError(KatibError, RuntimeError):
    """An experiment has failed, or none of its trials has a value.

    Attributes:
        result: what there is of it.
    """

    def __init__(self, result: TuneResult, why: str) -> None:
        self.result = result
        failures = result.failures
        told = f". Of its trials, these failed:\n{told_failures(failures)}" if failures else ""
        super().__init__(f"experiment {result.name}: {why.rstrip('.')}{told}")


class TuneInterrupted(KeyboardInterrupt):  # as the interrupt that it is
    """Ctrl-C has stopped a search; its running trials were ended, and it can be resumed.

    Attributes:
        result: what there is of it.
    """

    def __init__(self, result: TuneResult) -> None:
        self.result = result
        super().__init__(
            f'{result.summary}; interrupted. katib.tune(…, name="{result.name}", '
            'exists="resume") goes on with it'
        )


def tune(  # noqa: PLR0913  # one call is all there is
    objective: Callable[..., Any],
    parameters: Mapping[str, Any],
    *,
    name: str | None = None,
    algorithm_name: str = "tpe",
    algorithm_settings: Mapping[str, object] = _NOTHING,
    objective_metric_name: str = "objective",
    additional_metric_names: Sequence[str] = (),
    objective_type: str = names.MINIMIZE,
    objective_goal: float | None = None,
    max_trial_count: int | None = None,
    parallel_trial_count: int | None = None,
    max_failed_trial_count: int | None = None,
    early_stopping_name: str | None = None,
    early_stopping_settings: Mapping[str, object] = _NOTHING,
    trial_timeout_seconds: float | None = None,
    trial_memory_limit: str | None = None,
    seed: int | None = None,
    exists: Exists = "error",
    progress: bool = True,
    namespace: str | None = None,
    home: Path | str | None = None,
    config_file: str | None = None,
    context: str | None = None,
    client_configuration: ClientConfiguration | None = None,
    image: str | None = None,
    mlflow_tracking_uri: str | None = None,
) -> TuneResult:
    """Find the parameters with which a function returns the best value.

    The function is called again and again, each time with other values, in processes of its own
    that are kept warm: one that crashes, never returns or takes all memory ends a trial, not the
    search. It is sent there by value, with what it refers to and the user's own modules; all else
    that it imports must be installed where trials run.

    It is called with one dictionary if it has one parameter to be given by position that has no
    name of ``parameters``; else by keyword. Values are floats, ints, and the very objects of a
    ``categorical`` or ``discrete`` list. A parameter ``trial`` is given the trial's handle:
    ``trial.report(loss=0.25)`` reports on the way, and raises :class:`katib.EarlyStopped` when an
    early stopping rule is met, which is to pass. The function returns the value of the objective
    metric, or a dictionary of metrics; or nothing, if it has reported them. The last value of a
    metric is the one that counts.

    All of it is an Experiment of the engine that :func:`katib.client.finding.find_backend` finds,
    durable, and seen by ``katib get``. When the program ends or is killed, the same call with its
    ``name`` and ``exists="resume"`` goes on. Ctrl-C ends the running trials, lets no more begin,
    and raises :class:`katib.TuneInterrupted`, which has the result so far.

    Args:
        objective: the function; any object that can be called.
        parameters: name → what ``katib.search`` makes, or a constant that is passed on as it is.
        name: of the experiment; that of the function and some letters, if not given.
        algorithm_name: of the search.
        algorithm_settings: names and values.
        objective_metric_name: what a number that is returned stands for.
        additional_metric_names: other metrics that trials keep.
        objective_type: ``minimize`` or ``maximize``.
        objective_goal: a value that is good enough, with which the search ends.
        max_trial_count: how many trials there are; 100, or all of a grid, if not given.
        parallel_trial_count: how many run at once; as many as there are processors for this
            program, if not given.
        max_failed_trial_count: after how many failures the search fails; a tenth of the trials and
            at least 3, if not given.
        early_stopping_name: of an early stopping rule.
        early_stopping_settings: names and values.
        trial_timeout_seconds: after which a trial is ended, and has failed.
        trial_memory_limit: beyond which a trial is ended, and has failed, as ``512Mi``.
        seed: makes a search of one trial at a time repeatable.
        exists: what is done when there is an experiment of that name: ``error``, ``resume`` or
            ``replace``.
        progress: whether the progress is shown.
        namespace: of the experiment.
        home: the folder of an engine on this machine.
        config_file: a kubeconfig; trials are Jobs of its cluster.
        context: one of its contexts.
        client_configuration: an object of the official Kubernetes client.
        image: for a cluster, where it is needed: has this Python and Katib, and what the function
            imports.
        mlflow_tracking_uri: of an MLflow to which all trials are logged in the end.

    Raises:
        ObjectiveError: a ``TypeError``: the function cannot be called with these parameters.
        SearchSpaceError: a ``ValueError``: nothing is searched.
        UnshippableError: a ``ValueError``: the function cannot be sent to another process.
        ExperimentExistsError: the name is taken.
        RefusedError: the experiment is not legal; the text says all that is wrong with it.
        TuneFailedError: the search has failed, or no trial has a value.
        TuneInterrupted: Ctrl-C was pressed.
        ExperimentGoneError: somebody has deleted the experiment.
        AwayError: the engine does not answer.
    """
    space = read_parameters(parameters)
    way = find_calling_way(objective, (*space.names, *space.constants))
    label = name_of(objective)
    called = TunedFunction(objective, way, space.readers, objective_metric_name, space.constants)
    shipment = ship(objective, called, label, dict(parameters))
    backend = find_backend(config_file, context, client_configuration, home)
    trials = _count_trials(max_trial_count, algorithm_name)
    parallel = _count_parallel(parallel_trial_count, backend, trials)
    plan = Plan(
        name=name or _make_name(label),
        namespace=namespace or backend.namespace,
        space=space,
        metric=objective_metric_name,
        additional_metrics=additional_metric_names,
        type=objective_type,
        goal=objective_goal,
        algorithm=algorithm_name,
        settings=algorithm_settings if seed is None else {**algorithm_settings, _SEED: seed},
        stopping=early_stopping_name or "",
        stopping_settings=early_stopping_settings,
        trials=trials,
        parallel=parallel,
        failed=_count_failures(max_failed_trial_count, trials, parallel),
    )
    limits = Limits(trial_timeout_seconds, trial_memory_limit)
    result = Tuning(backend, plan, shipment, limits, image).run(exists, choose_progress(progress))
    if mlflow_tracking_uri is not None:
        result.log_to_mlflow(mlflow_tracking_uri)
    return result


#: The setting by which algorithms are told their seed.
_SEED = "random_state"


@dataclass(frozen=True, slots=True)
class Tuning:
    """One call, when all has been read.

    Attributes:
        backend: where it is run.
        plan: what is wanted.
        shipment: the function.
        limits: of each trial.
        image: of a cluster's trials; ``None`` when none was named.
    """

    backend: Backend
    plan: Plan
    shipment: Shipment
    limits: Limits
    image: str | None

    def run(self, exists: Exists, progress: Progress) -> TuneResult:
        """See :func:`tune`."""
        submit(self.backend, self._submission(), exists)
        follower = Follower(self.backend, self.plan.namespace, self.plan.name)
        try:
            with self._at_work():
                experiment = follower.follow(progress.show)
        except KeyboardInterrupt:
            progress.close("Ending the running trials; press Ctrl-C again to leave them.")
            raise self._interrupted(follower) from None
        except BaseException:
            progress.close(f"{self.plan.name}: not followed any more")
            raise
        result = self._result(follower)
        progress.close(result.summary)
        why = has_failed(experiment)
        if why or result.best_trial is None:
            raise TuneFailedError(result, why or "no trial has a value")
        return result

    def _at_work(self) -> AbstractContextManager[None]:
        return self.backend.at_work() if isinstance(self.backend, Host) else nullcontext()

    def write_documents(self) -> str:
        """The documents of the same search on a cluster, as YAML."""
        submission = self._for_cluster(self.image or f"katib:{_version()}")
        documents = (submission.config_map or {}, submission.experiment)
        return "---\n".join(codec.dump_yaml(one) for one in documents)

    def _submission(self) -> Submission:
        home = self.backend.home
        if home is not None:
            template = function_call(self.shipment.write(home), self.plan.space, self.limits)
            return Submission(experiment_of(self.plan, template))
        if self.image is None:
            raise ConfigurationError(
                "trials in a cluster need an image= that has this version of Python and of Katib, "
                f"and what {self.shipment.header['name']} imports; or tune on this machine, with "
                "home=DIR"
            )
        return self._for_cluster(self.image)

    def _for_cluster(self, image: str) -> Submission:
        function = config_map_name(self.plan, self.shipment)
        template = job_of(self.plan, function, image, self.limits)
        return Submission(
            experiment_of(self.plan, template), config_map_of(self.plan, self.shipment)
        )

    def _interrupted(self, follower: Follower) -> TuneInterrupted:
        with suppress(RefusedError, AwayError):
            pause(self.backend, self.plan.namespace, self.plan.name)
            follower.look()
        return TuneInterrupted(self._result(follower))

    def _result(self, follower: Follower) -> TuneResult:
        readers = self.plan.space.readers
        return TuneResult(self.backend, follower.experiment, readers, self.write_documents)


def _version() -> str:
    from katib import __version__

    return __version__


def _make_name(label: str) -> str:
    """A name that no other experiment has, and that Kubernetes accepts."""
    words = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    word = words if words[:1].isalpha() else f"tune-{words}".rstrip("-")
    return f"{word}-{secrets.token_hex(4)}"


def _count_trials(wanted: int | None, algorithm: str) -> int | None:
    if wanted is None:
        # A grid has an end of its own.
        return None if algorithm == "grid" else TRIALS
    return wanted


def _count_parallel(wanted: int | None, backend: Backend, trials: int | None) -> int | None:
    """How many trials run at once: never more than there are."""
    if wanted is None and backend.home is None:
        # A cluster's own number is said only where there are fewer trials than that.
        return trials if trials is not None and trials < IN_CLUSTER else None
    if wanted is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        wanted = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return wanted if trials is None else min(wanted, trials)


def _count_failures(wanted: int | None, trials: int | None, parallel: int | None) -> int | None:
    if wanted is not None or trials is None:
        return wanted
    return min(trials, max(3, parallel or 0, trials // 10))
