from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from trials import wait_until

from katib.apps.clock import SystemClock
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.leader import Candidate, LeaderElection


@pytest.fixture
def candidate(namespace: str) -> Candidate:
    return Candidate(
        namespace, "operator", "one", lease_seconds=3, renew_seconds=1.5, retry_seconds=0.3
    )


def never() -> None:
    raise AssertionError("it is not lost")


def test_the_second_leads_at_once_when_the_first_gives_back(
    client: KubernetesClient, candidate: Candidate
) -> None:
    first = LeaderElection(client, SystemClock(), candidate, never)
    second = LeaderElection(client, SystemClock(), replace(candidate, identity="two"), never)
    assert first.acquire()
    waiting = threading.Thread(target=second.acquire)
    waiting.start()
    time.sleep(candidate.lease_seconds + 1)
    assert (first.is_leader, second.is_leader) == (True, False)
    began = time.monotonic()
    first.release()
    waiting.join()
    assert (first.is_leader, second.is_leader) == (False, True)
    assert time.monotonic() - began < candidate.lease_seconds
    second.release()


def test_the_second_leads_when_the_first_is_killed_and_not_before(
    kubeconfig: Path, client: KubernetesClient, candidate: Candidate
) -> None:
    doomed = KubernetesClient.connect(kubeconfig)
    lost = threading.Event()
    first = LeaderElection(doomed, SystemClock(), candidate, lost.set)
    second = LeaderElection(client, SystemClock(), replace(candidate, identity="two"), never)
    assert first.acquire()
    # From now on it cannot write, as if it were cut off.
    doomed.close()
    began = time.monotonic()
    assert second.acquire()
    # It had stopped by itself before.
    assert lost.is_set()
    assert not first.is_leader
    assert 1.0 < time.monotonic() - began < 3 * candidate.lease_seconds
    second.release()


def test_a_leader_whose_lease_is_taken_stops(
    client: KubernetesClient, candidate: Candidate
) -> None:
    lost = threading.Event()
    first = LeaderElection(client, SystemClock(), candidate, lost.set)
    assert first.acquire()
    client.request(
        "PATCH",
        f"/apis/coordination.k8s.io/v1/namespaces/{candidate.namespace}/leases/operator",
        body=b'{"spec":{"holderIdentity":"usurper"}}',
        content_type="application/merge-patch+json",
    )
    wait_until(lost.is_set)
    assert not first.is_leader
    first.release()


def test_who_is_stopped_waits_no_longer(client: KubernetesClient, candidate: Candidate) -> None:
    first = LeaderElection(client, SystemClock(), candidate, never)
    second = LeaderElection(client, SystemClock(), replace(candidate, identity="two"), never)
    assert first.acquire()
    led: list[bool] = []
    waiting = threading.Thread(target=lambda: led.append(second.acquire()))
    waiting.start()
    second.release()
    waiting.join()
    assert led == [False]
    assert first.is_leader
    first.release()
