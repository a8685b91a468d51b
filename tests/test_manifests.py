"""``manifests/`` holds what ``katib install`` prints."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from katib.api.values import Manifest

ROOT = Path(__file__).resolve().parent.parent


def load_generator() -> ModuleType:
    place = ROOT / "scripts" / "generate_manifests.py"
    spec = importlib.util.spec_from_file_location("generate_manifests", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_manifests"] = module
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def test_nothing_has_drifted() -> None:
    assert list(GENERATOR.find_drift(ROOT / "manifests")) == [], GENERATOR.ADVICE


def test_drift_is_seen(tmp_path: Path) -> None:
    for path, text in GENERATOR.files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert GENERATOR.find_drift(tmp_path) == {}
    (tmp_path / "base/controller.yaml").write_text("something else")
    (tmp_path / "base/more.yaml").write_text("nobody wrote this")
    drifted = GENERATOR.find_drift(tmp_path)
    assert set(drifted) == {Path("base/controller.yaml"), Path("base/more.yaml")}
    assert drifted[Path("base/more.yaml")] is None


@pytest.mark.parametrize("server", sorted((ROOT / "manifests/servers").iterdir()), ids=str)
def test_a_server_of_a_database_keeps_the_restricted_standard(server: Path) -> None:
    documents: list[Manifest] = list(
        yaml.safe_load_all((server / f"{server.name}.yaml").read_text())
    )
    (pod,) = [one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
