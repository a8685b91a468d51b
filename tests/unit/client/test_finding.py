from __future__ import annotations

from pathlib import Path

import pytest
from kubernetes.client import Configuration

from katib.api.codec import dump_yaml
from katib.apps.kubeconfig import make_kubeconfig
from katib.apps.program import HomeBackend
from katib.client.cluster import find_pod_access
from katib.client.finding import find_backend
from katib.client.http import HttpBackend
from katib.errors import ConfigurationError


@pytest.fixture(autouse=True)
def nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KATIB_HOME", str(tmp_path / "own"))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    content = make_kubeconfig("http://127.0.0.1:1", "secret")
    content["contexts"].append({"name": "other", "context": {**content["contexts"][0]["context"]}})
    content["contexts"][1]["context"]["namespace"] = "team"
    path.write_text(dump_yaml(content))
    return path


def test_without_a_word_it_is_the_users_own_home(tmp_path: Path) -> None:
    backend = find_backend()
    assert isinstance(backend, HomeBackend)
    assert backend.home == tmp_path / "own"
    assert not backend.home.exists()


def test_a_home_that_is_named_goes_before_the_environment(
    tmp_path: Path, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert find_backend(home=str(tmp_path / "named")).home == tmp_path / "named"


def test_a_kubeconfig_is_a_cluster(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (
        find_backend(config_file=str(kubeconfig)),
        find_backend(config_file=str(kubeconfig), context="other"),
    ):
        assert isinstance(backend, HttpBackend)
        assert backend.home is None
    assert backend.namespace == "team"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert isinstance(find_backend(), HttpBackend)


def test_the_kubeconfig_of_a_home_is_that_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "served"
    home.mkdir()
    (home / "katib.db").touch()
    (home / "kubeconfig").write_text("{}")
    monkeypatch.setenv("KUBECONFIG", str(home / "kubeconfig"))
    assert find_backend().home == home


def test_a_client_configuration_is_taken_as_it_is() -> None:
    configuration = Configuration(host="http://127.0.0.1:1")
    backend = find_backend(client_configuration=configuration)
    assert isinstance(backend, HttpBackend)
    assert backend.namespace == "default"


def test_two_engines_are_refused(kubeconfig: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="three ways to name an engine"):
        find_backend(config_file=str(kubeconfig), home=tmp_path)


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        find_backend(config_file=str(tmp_path / "none"))


def test_a_pod_finds_its_cluster(tmp_path: Path, home_tls: Path) -> None:
    variables = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert find_pod_access({}, home_tls) is None
    assert find_pod_access(variables, tmp_path) is None
    access = find_pod_access(variables, home_tls)
    assert access is not None
    assert (access.address, access.namespace) == ("https://10.0.0.1:443", "team")
    (home_tls / "token").write_text("renewed\n")
    assert access.headers() == {"Authorization": "Bearer renewed"}


@pytest.fixture
def home_tls(tmp_path: Path) -> Path:
    """What a pod is given of its account."""
    from datetime import UTC, datetime

    from katib.apps.certificates import prepare_certificates

    folder = tmp_path / "account"
    folder.mkdir()
    found = prepare_certificates(tmp_path / "tls", ["localhost"], datetime.now(UTC))
    assert found.authority is not None
    (folder / "ca.crt").write_bytes(found.authority)
    (folder / "namespace").write_text("team\n")
    (folder / "token").write_text("first\n")
    return folder
