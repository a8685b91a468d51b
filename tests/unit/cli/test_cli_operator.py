"""``katib operator`` begins with what it was given, or says what it lacks."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from katib.apps.operating import Options
from katib.cli.program import build_program
from katib.errors import ConfigurationError
from katib.kubernetes.client import KubernetesClient


def begin(*words: str, variables: dict[str, str] | None = None) -> BaseException | None:
    answer = CliRunner().invoke(build_program(), ["operator", *words], env=variables or {})
    return answer.exception


def test_the_packages_that_only_operators_need_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    said = begin()
    assert isinstance(said, ConfigurationError)
    assert str(said) == (
        "katib operator needs a package that is not installed (kubernetes): "
        "pip install 'katib[cluster]'"
    )


@pytest.mark.parametrize(
    ("words", "variables"),
    [(("--image", "me/katib:1"), {}), ((), {"KATIB_IMAGE": "me/katib:1"})],
    ids=["an option", "a variable"],
)
def test_the_image_of_collectors_may_be_named_by(
    words: tuple[str, ...], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Options] = []

    class Operator:
        def __init__(self, client: object, options: Options) -> None:
            seen.append(options)

        def run(self, tell: object) -> None:
            pass

    monkeypatch.setattr("katib.apps.operating.Operator", Operator)
    monkeypatch.setattr(KubernetesClient, "connect", lambda *_: None)
    assert begin(*words, variables=variables) is None
    assert [options.image for options in seen] == ["me/katib:1"]
