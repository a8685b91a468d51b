"""A hundred experiments at once, one of them large and there first: each gets its share."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from experiments import ROOT, an_experiment
from processes import wait_for
from stage import Stage

from katib.errors import KatibError
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("running_operator")]

#: How many small experiments there are, how many trials each of them has, one after the other, and
#: how many the large one has at once.
SMALL, FEW, MANY = 99, 3, 150

LARGE = "large"


class Moments:
    """When trials were made, began to run and ended, in seconds since it looks.

    Args:
        client: of the API server.
        namespace: whose trials.
    """

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self._client, self._path = client, f"{ROOT}/namespaces/{namespace}/trials"
        self._began, self._is_over = time.monotonic(), threading.Event()
        #: What happened → trial → experiment and moment.
        self._seen: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)
        self._thread = threading.Thread(target=self._follow, name="moments", daemon=True)
        self._thread.start()

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def of(self, what: str) -> Mapping[str, Sequence[float]]:
        """Experiment → when that happened to its trials, the first first."""
        found: dict[str, list[float]] = defaultdict(list)
        for experiment, moment in self._seen[what].values():
            found[experiment].append(moment)
        return {name: sorted(moments) for name, moments in found.items()}

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _follow(self) -> None:
        since = {"resourceVersion": "0", "timeoutSeconds": "2"}
        while not self._is_over.is_set():
            try:
                for line in self._client.watch(self._path, since):
                    self._note(json.loads(line)["object"])
            except KatibError:
                self._is_over.wait(0.2)

    def _note(self, trial: dict[str, object]) -> None:
        metadata, status = trial.get("metadata") or {}, trial.get("status") or {}
        assert isinstance(metadata, dict)
        assert isinstance(status, dict)
        labels = metadata.get("labels") or {}
        experiment = labels.get("katib.kubeflow.org/experiment", "")
        happened = {one["type"] for one in status.get("conditions") or []}
        for what in {"Made", *happened} if experiment else ():
            self._seen[what].setdefault(metadata["name"], (experiment, self.now))


@pytest.fixture
def moments(client: KubernetesClient, namespace: str) -> Iterator[Moments]:
    moments = Moments(client, namespace)
    yield moments
    moments.close()


def test_each_of_a_hundred_experiments_gets_its_share(stage: Stage, moments: Moments) -> None:
    names = [f"small-{number}" for number in range(SMALL)]
    stage.experiments.create(an_experiment(LARGE, MANY, parallelTrialCount=MANY))
    wait_for(lambda: len(moments.of("Running").get(LARGE, ())) >= 10, "the large one has begun")
    since = moments.now
    with ThreadPoolExecutor(8) as pool:
        small = [an_experiment(name, FEW, parallelTrialCount=1) for name in names]
        list(pool.map(stage.experiments.create, small))

    def is_over() -> bool:
        ended = moments.of("Succeeded")
        return sum(len(ended.get(name, ())) for name in (LARGE, *names)) == MANY + SMALL * FEW

    wait_for(is_over, "all trials have succeeded", 420)
    for what in ("Made", "Running", "Succeeded"):
        print(told(what, moments.of(what), names, since))
    made, ended = moments.of("Made"), moments.of("Succeeded")
    firsts = sorted(made[name][0] for name in names)
    every = sorted(moment for name in names for moment in made[name])
    halfway = every[len(every) // 2]
    # None starves: when half of all trials of the small ones are made, each of them has one.
    assert firsts[-1] <= halfway
    # Nor does the large one: until the small ones are done it gets at least what each of them gets.
    last = max(ended[name][-1] for name in names)
    assert sum(since < moment < last for moment in ended[LARGE]) >= FEW
    wait_for(lambda: all(map(stage.experiments.ended, (LARGE, *names))), "all are over")


def told(
    what: str, moments: Mapping[str, Sequence[float]], names: Sequence[str], since: float
) -> str:
    """How long the small experiments took to their first and last such moment."""
    first = sorted(moments[name][0] - since for name in names)
    last = sorted(moments[name][-1] - since for name in names)
    large = moments[LARGE]
    return (
        f"{what}: first trial of a small one after {first[0]:.1f} to {first[-1]:.1f} s, "
        f"median {statistics.median(first):.1f}; its last after {last[0]:.1f} to {last[-1]:.1f} s, "
        f"median {statistics.median(last):.1f}; large one from {large[0] - since:.1f} to "
        f"{large[-1] - since:.1f} s, half of it by {large[len(large) // 2] - since:.1f} s"
    )
