"""The page: the form, the YAML, what is wrong, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui
from starlette.requests import Request

from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web.acting import Acting
from katib.web.namespaces import list_namespaces
from katib.web.pages.create import keeping
from katib.web.pages.create.checking import Checker, Finding
from katib.web.pages.create.cloning import clone, find_free_name
from katib.web.pages.create.draft import Draft
from katib.web.pages.create.foreign import list_foreign_algorithms
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
from katib.web.pages.create.starting import NAME, a_document
from katib.web.pages.create.styling import STYLE
from katib.web.pages.create.trying import TrialDialog
from katib.web.rights import Deed, Visitor
from katib.web.shell import LONGEST_BUILD, computed, frame, permitted, tried
from katib.web.site import Site


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/new", response_timeout=LONGEST_BUILD)
    async def new(request: Request, namespace: str = "", clone: str = "") -> None:
        with frame(site, request, "New experiment", trail=[("Experiments", "/")]) as visitor:
            await _Create(site, visitor).build(namespace, clone)


class _Create:
    """One visitor's page."""

    def __init__(self, site: Site, visitor: Visitor) -> None:
        self._site, self._visitor = site, visitor
        self._acting = Acting(site, visitor)

    async def build(self, namespace: str, cloned: str) -> None:
        ui.add_css(STYLE)
        # As /new?clone=NS/NAME, or as /new?namespace=NS&clone=NAME.
        where, _, name = cloned.rpartition("/")
        namespaces = await computed(list_namespaces, self._site, self._visitor)
        self._namespace = _choose(where or namespace, namespaces, self._site.backend.namespace)
        ui.label("New experiment").classes("text-h5").props("role=heading aria-level=1")
        if name and not await self._may_clone(where or self._namespace, name):
            return
        try:
            document = await computed(self._first, where or self._namespace, name)
            foreign = await computed(list_foreign_algorithms, self._site.backend)
        except KatibError as error:
            ui.label(str(error)).classes("text-negative").props("role=alert")
            return
        around = Surroundings(self._site, self._visitor, namespaces or [self._namespace])
        self._draft = Draft(document)
        self._first_text = self._draft.text
        self._build_restored()
        with ui.element("div").classes("katib-create w-full"):
            with ui.column().classes("katib-form gap-2"):
                self._build_form(around, foreign)
            with ui.column().classes("katib-yaml gap-1"):
                self._build_editor()
        self._build_foot()
        self._checker = Checker(self._draft, self._acting, self._namespace, self._tell)
        self._draft.listen(self._changed)
        self._checker.ask()
        ui.timer(0.1, self._restore, once=True)

    async def _may_clone(self, namespace: str, name: str) -> bool:
        deed = Deed("get", "experiments", namespace, name)
        return await permitted(self._site, self._visitor, deed)

    def _first(self, namespace: str, name: str) -> Manifest:
        backend = self._site.backend
        if name:
            return clone(backend, namespace, name)
        document = a_document(self._namespace)
        document["metadata"]["name"] = find_free_name(backend, namespace, NAME)
        return document

    def _build_form(self, around: Surroundings, foreign: Sequence[str]) -> None:
        form = self._form = Form(self._draft, self._namespace)
        metadata.build(form, around)
        objective.build(form, around)
        algorithm.build(form, around, foreign)
        parameters.build(form, around)
        architecture.build(form, around)
        template.build(form, around)
        thresholds.build(form, around)
        early_stopping.build(form, around)
        collector.build(form, around)

    def _build_editor(self) -> None:
        ui.label("YAML").classes("text-subtitle1")
        self._editor = ui.codemirror(
            self._draft.text, language="YAML", on_change=lambda event: self._typed(event.value)
        )
        self._editor.classes("w-full katib-editor katib-whole")
        self._editor.props('aria-label="The experiment as YAML"')
        ui.label(
            "Escape, then Tab leaves the editor. Comments are lost when the form is used."
        ).classes("text-caption")
        self._syntax = ui.label().classes("text-negative katib-trouble").props("role=alert")
        self._syntax.set_visibility(False)

    def _build_foot(self) -> None:
        with ui.column().classes("katib-foot w-full gap-1"):
            self._problems = ui.column().classes("gap-0 w-full").props("role=alert")
            self._problems.set_visibility(False)
            with ui.row().classes("gap-2 items-center"):
                self._create_button = ui.button("Create", on_click=self._create).props("no-caps")
                self._try_button = ui.button(
                    "Try one trial", icon="play_arrow", on_click=self._try
                ).props("no-caps outline")
                ui.link("Cancel", "/")
                self._verdict = ui.label("Being checked").props("role=status")
        self._enable(False)

    def _build_restored(self) -> None:
        with (
            ui.row().classes("katib-restored items-center gap-2").props("role=status") as self._kept
        ):
            ui.label("This is what you had typed before.")
            ui.button("Begin afresh", on_click=self._begin_afresh).props("flat dense no-caps")
        self._kept.set_visibility(False)

    async def _restore(self) -> None:
        kept = await keeping.begin()
        if kept and kept != self._draft.text and not self._draft.is_touched:
            self._draft.take(kept)
            self._kept.set_visibility(True)
        elif self._draft.is_touched:
            keeping.keep(self._draft.text)

    async def _begin_afresh(self) -> None:
        self._draft.take(self._first_text)
        self._kept.set_visibility(False)
        await keeping.drop()

    def _typed(self, text: str) -> None:
        self._draft.take(text or "")

    def _changed(self) -> None:
        """Something was typed, in the form or in the editor."""
        if (self._editor.value or "") != self._draft.text:
            self._editor.set_value(self._draft.text)
        self._syntax.set_text(self._draft.problem)
        self._syntax.set_visibility(bool(self._draft.problem))
        self._verdict.set_text("Being checked")
        if self._draft.problem:
            # The document is still the one of before: it is not what is seen.
            self._enable(False)
        keeping.keep(self._draft.text)

    def _tell(self, finding: Finding) -> None:
        """Show what admission has said."""
        if self._draft.problem:
            self._verdict.set_text("The YAML cannot be read")
        else:
            self._form.show(finding.problems)
            self._verdict.set_text(_verdict(finding))
        self._problems.clear()
        rest = self._form.rest(finding.problems)
        self._problems.set_visibility(bool(rest))
        with self._problems:
            for text in rest:
                ui.label(text).classes("text-negative katib-trouble")
        self._enable(finding.is_good)

    def _enable(self, is_good: bool) -> None:
        for one in (self._create_button, self._try_button):
            one.set_enabled(is_good)

    async def _create(self) -> None:
        document = self._draft.document
        self._enable(False)
        created = await tried(lambda: self._acting.create(document, self._namespace))
        self._enable(True)
        if created is not None:
            await keeping.drop()
            found = created["metadata"]
            address = f"/experiment/{found.get('namespace')}/{found['name']}"
            ui.navigate.to(address)

    def _try(self) -> None:
        dialog = TrialDialog(self._site, self._visitor, self._namespace)
        dialog.open(self._draft.document)


def _choose(wanted: str, namespaces: Sequence[str], usual: str) -> str:
    """The namespace that is meant where none is said."""
    fitting = [one for one in (wanted, usual, *namespaces) if one in namespaces]
    return fitting[0] if fitting else wanted or usual


def _verdict(finding: Finding) -> str:
    if finding.trouble:
        return finding.trouble
    count = len(finding.problems)
    if not count:
        return "This can be created"
    return "1 problem" if count == 1 else f"{count} problems"
