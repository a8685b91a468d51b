"""What a visitor does: with a right to it only, and as the API server wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web.acting import Acting
from katib.web.guarding import Door
from katib.web.reports import Reports
from katib.web.rights import Deed, ForbiddenError, Visitor
from katib.web.site import Site
from katib.web.tables import Tables
from katib.web.watched import Sources

ADA = Visitor("ada")


class Recorded:
    """An API server that says yes to everything, and is asked for little."""

    namespace, home = "default", None

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        self.asked.append((method, path.partition("/namespaces/")[2], body))
        return {}

    def stream(self, path: str) -> Iterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Only:
    """Rights to some verbs, in the namespace ``here``."""

    def __init__(self, *verbs: str) -> None:
        self._verbs = verbs

    def check(self, visitor: Visitor, deed: Deed) -> None:
        if (deed.namespace, deed.resource) != ("here", "experiments"):
            raise ForbiddenError(visitor, deed)
        if visitor != ADA or deed.verb not in self._verbs:
            raise ForbiddenError(visitor, deed)


def an_actor(*verbs: str) -> tuple[Acting, Recorded]:
    backend = Recorded()
    sources = Sources(backend)
    site = Site(backend, Only(*verbs), sources, Tables(sources), Reports(backend), Door())
    return Acting(site, ADA), backend


DEEDS: dict[str, tuple[str, Callable[[Acting], object], tuple[str, str, Any]]] = {
    "suspend": (
        "patch",
        lambda one: one.suspend("here", "a"),
        (
            "PATCH",
            "here/experiments/a",
            {"metadata": {"annotations": {"katib.kubeflow.org/suspend": "true"}}},
        ),
    ),
    "stop": (
        "patch",
        lambda one: one.stop("here", "a"),
        (
            "PATCH",
            "here/experiments/a",
            {"metadata": {"annotations": {"katib.kubeflow.org/stop": "true"}}},
        ),
    ),
    "resume": (
        "patch",
        lambda one: one.resume("here", "a", 20),
        (
            "PATCH",
            "here/experiments/a",
            {
                "metadata": {
                    "annotations": {
                        "katib.kubeflow.org/suspend": None,
                        "katib.kubeflow.org/stop": None,
                    }
                },
                "spec": {"maxTrialCount": 20},
            },
        ),
    ),
    "delete": (
        "delete",
        lambda one: one.delete("here", ["a"]),
        ("DELETE", "here/experiments/a", {"propagationPolicy": "Background"}),
    ),
    "create": (
        "create",
        lambda one: one.create({"metadata": {"name": "a"}}, "here"),
        (
            "POST",
            "here/experiments?fieldValidation=Strict",
            {"metadata": {"name": "a"}},
        ),
    ),
}

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_is_done_with_its_right(name: str) -> None:
    verb, deed, asked = DEEDS[name]
    actor, backend = an_actor(verb)
    deed(actor)
    assert backend.asked == [asked]


@pytest.mark.parametrize("name", DEEDS)
def test_without_its_right_nobody_is_asked(name: str) -> None:
    verb, deed, _ = DEEDS[name]
    actor, backend = an_actor(*(one for one in VERBS if one != verb))
    with pytest.raises(KatibError, match=f"ada is not authorized to {verb}"):
        deed(actor)
    assert backend.asked == []


def test_an_experiment_that_names_another_namespace_is_made_there_or_not_at_all() -> None:
    actor, backend = an_actor(*VERBS)
    document = {"metadata": {"name": "a", "namespace": "there"}}
    with pytest.raises(KatibError, match="in namespace: there"):
        actor.create(document, "here")
    assert backend.asked == []


def test_of_several_each_is_deleted_for_itself() -> None:
    actor, backend = an_actor("delete")
    actor.delete("here", ["a", "b"])
    assert [path for _, path, _ in backend.asked] == ["here/experiments/a", "here/experiments/b"]


def test_only_acting_writes(project: Path) -> None:
    """Pages ask for nothing that changes something: rights are checked in one place."""
    for path in (project / "src/katib/web/pages").rglob("*.py"):
        text = path.read_text()
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert f'ask("{method}"' not in text, path


@pytest.fixture
def project() -> Path:
    return Path(__file__).parents[3]
