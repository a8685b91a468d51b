"""``katib install`` prints what was chosen, and refuses what no cluster would take."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.cli.program import build_program
from katib.kubernetes.install import InstallOptions, compose
from katib.kubernetes.install.options import TRIAL_RESOURCES


def run(*words: str, variables: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(build_program(), ["install", *words], env=variables or {})


def printed(*words: str, variables: dict[str, str] | None = None) -> list[Manifest]:
    result = run(*words, variables=variables)
    assert result.exit_code == 0, result.output
    return list(load_yaml(result.stdout, "install"))


URL = "mysql://katib:secret@db/katib"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ((), InstallOptions()),
        (("--namespaced", "-n", "team"), InstallOptions(is_namespaced=True, namespace="team")),
        (("--database", URL), InstallOptions(database=URL)),
        (("--no-webhooks", "--no-crds"), InstallOptions(has_webhooks=False, has_crds=False)),
        (
            ("--image", "me/katib:1", "--replicas", "3", "--storage", "1Gi"),
            InstallOptions(image="me/katib:1", replicas=3, storage="1Gi"),
        ),
        (("--no-ui",), InstallOptions(has_ui=False)),
        (("--kubeflow",), InstallOptions(is_kubeflow=True)),
        (
            ("--trial-resource", "Workflow.v1alpha1.argoproj.io"),
            InstallOptions(trial_resources=(*TRIAL_RESOURCES, "Workflow.v1alpha1.argoproj.io")),
        ),
    ],
)
def test_what_is_chosen_is_printed(words: tuple[str, ...], options: InstallOptions) -> None:
    assert printed(*words) == compose(options)


def test_a_variable_may_hold_the_url() -> None:
    found = printed(variables={"KATIB_DATABASE_URL": URL})
    assert found == compose(InstallOptions(database=URL))


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("--namespace", "Team_A"), "as kubeflow"),
        (("--storage", "much"), "as 10Gi"),
        (("--storage", "-1Gi"), "as 10Gi"),
        (("--replicas", "0"), "greater than or equal to 1"),
        (("--database", "db.example.com"), "--database URL"),
        (("--database", "sqlite:////file.db"), "--database sqlite"),
    ],
)
def test_what_no_cluster_would_take_is_refused(words: tuple[str, ...], advice: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert advice in " ".join(result.output.replace("│", " ").split())


def test_a_refused_url_is_not_repeated() -> None:
    assert "secret" not in run("--database", "oracle://katib:secret@db").output
