"""Forms as a page has them, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nicegui import Client, core, ui

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.web.guarding import Door
from katib.web.pages.create.draft import Draft
from katib.web.pages.create.form import Form
from katib.web.pages.create.sections import (
    algorithm,
    architecture,
    collector,
    early_stopping,
    metadata,
    objective,
    parameters,
    template,
    thresholds,
)
from katib.web.pages.create.sections.surroundings import Surroundings
from katib.web.reports import Reports
from katib.web.rights import OwnerRights, Visitor
from katib.web.site import Site
from katib.web.tables import Tables
from katib.web.watched import Sources

EXAMPLES = Path(__file__).parents[5] / "examples"


class FakeBackend:
    """Answers what it was told to, and notes what it is asked.

    Args:
        answers: path without query → answer, or the error to raise.
    """

    namespace = "default"
    home: Path | None = None

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self._answers = dict(answers or {})
        self.asked: list[tuple[str, str, Any]] = []

    def ask(self, method: str, path: str, body: Any = None, *_: Any, **__: Any) -> Manifest:
        self.asked.append((method, path, body))
        found = self._answers.get(path.partition("?")[0], {"items": []})
        if isinstance(found, Exception):
            raise found
        answer: Manifest = found
        return answer

    def stream(self, path: str) -> Any:
        raise AssertionError(path)

    def close(self) -> None:
        """See ``Backend``."""


def a_site(backend: FakeBackend) -> Site:
    sources = Sources(backend)
    return Site(backend, OwnerRights(), sources, Tables(sources), Reports(backend), door=Door())


def experiments() -> Sequence[tuple[str, Manifest]]:
    """All of the examples, with where they are."""
    return [
        (str(path.relative_to(EXAMPLES)), document)
        for path in sorted(EXAMPLES.rglob("*.yaml"))
        for document in load_yaml(path.read_text(), str(path))
        if document.get("kind") == "Experiment"
    ]


@asynccontextmanager
async def a_form(document: Manifest, backend: FakeBackend | None = None) -> AsyncIterator[Form]:
    """The whole form of a document, as soon as all of it is there."""
    core.loop = asyncio.get_running_loop()
    draft = Draft(document)
    with Client(ui.page("/drafted"), request=None):
        form = Form(draft, "default")
        around = Surroundings(a_site(backend or FakeBackend()), Visitor(), ["default", "other"])
        for one in (metadata, objective, parameters, architecture, template, thresholds):
            one.build(form, around)
        algorithm.build(form, around, ["foreign"])
        early_stopping.build(form, around)
        collector.build(form, around)
        await settle()
        yield form


async def settle() -> None:
    """Return when what is looked up in the background is there."""
    names = ("settings of an algorithm", "trial templates")
    await asyncio.gather(*(one for one in asyncio.all_tasks() if one.get_name() in names))
