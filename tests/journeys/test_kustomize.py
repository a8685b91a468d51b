"""Kustomize makes of ``manifests/`` what ``katib install`` prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from command_line import REPOSITORY
from kubectl import MARKS

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.kubernetes.install import InstallOptions, compose

pytestmark = MARKS

MANIFESTS = Path(REPOSITORY) / "manifests"
OVERLAYS = {
    "base": InstallOptions(),
    "overlays/external-database": InstallOptions(
        database="postgresql://katib:change-me@database.example.com:5432/katib"
    ),
    "overlays/kubeflow": InstallOptions(is_kubeflow=True),
    "overlays/leader-election": InstallOptions(replicas=2),
    "overlays/mysql": InstallOptions(database="mysql://katib:katib@katib-mysql:3306/katib"),
    "overlays/namespaced": InstallOptions(is_namespaced=True),
    "overlays/no-ui": InstallOptions(has_ui=False),
    "overlays/no-webhooks": InstallOptions(has_webhooks=False),
    "overlays/postgres": InstallOptions(
        database="postgresql://katib:katib@katib-postgres:5432/katib"
    ),
}

Built = dict[tuple[str, str], Manifest]


def by_name(manifests: list[Manifest]) -> Built:
    return {(one["kind"], one["metadata"]["name"]): one for one in manifests}


def build(folder: Path) -> Built:
    command = ["kubectl", "kustomize", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return by_name(list(load_yaml(ended.stdout, str(folder))))


@pytest.mark.parametrize("place", OVERLAYS)
def test_an_overlay_is_what_install_prints(place: str) -> None:
    built = build(MANIFESTS / place)
    wanted = by_name(compose(OVERLAYS[place]))
    assert {name: built.get(name) for name in wanted} == wanted
    more = {name for _, name in built.keys() - wanted.keys()}
    server = {f"katib-{Path(place).name}"} if place.endswith(("mysql", "postgres")) else set()
    assert more == server


def test_every_overlay_is_looked_at() -> None:
    folders = {f"overlays/{path.name}" for path in (MANIFESTS / "overlays").iterdir()}
    assert folders == OVERLAYS.keys() - {"base"}
