"""A new experiment, as YAML: checked while it is typed, by who will admit it."""

from __future__ import annotations

from typing import Any

import yaml
from nicegui import ui
from starlette.requests import Request

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web.acting import Acting
from katib.web.namespaces import list_namespaces
from katib.web.rights import Deed, Visitor
from katib.web.shell import computed, frame, permitted, tried
from katib.web.site import Site

#: How long nothing must have been typed before it is checked, in seconds.
PAUSE = 0.6

_EXAMPLE = """\
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata:
  name: random-experiment
spec:
  objective:
    type: minimize
    objectiveMetricName: loss
  algorithm:
    algorithmName: random
  parallelTrialCount: 3
  maxTrialCount: 12
  maxFailedTrialCount: 3
  parameters:
    - name: lr
      parameterType: double
      feasibleSpace:
        min: "0.01"
        max: "0.03"
  trialTemplate:
    primaryContainerName: training-container
    trialParameters:
      - name: learningRate
        reference: lr
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        template:
          spec:
            restartPolicy: Never
            containers:
              - name: training-container
                image: python:3.11
                command:
                  - python3
                  - -c
                  - print("loss=%s" % (${trialParameters.learningRate} - 0.02) ** 2)
"""


def register(site: Site) -> None:
    """Make the page known."""

    @ui.page("/new")
    async def new(request: Request, namespace: str = "", clone: str = "") -> None:
        with frame(site, request, "New experiment", trail=[("Experiments", "/")]) as visitor:
            page = _Create(site, visitor)
            await page.build(namespace, clone)


class _Create:
    """One visitor's page."""

    def __init__(self, site: Site, visitor: Visitor) -> None:
        self._site, self._visitor = site, visitor
        self._acting = Acting(site, visitor)

    async def build(self, namespace: str, clone: str) -> None:
        namespaces = await computed(list_namespaces, self._site, self._visitor)
        where = namespace if namespace in namespaces else self._site.backend.namespace
        if where not in namespaces:
            where = namespaces[0] if namespaces else where
        text = _EXAMPLE
        if clone:
            deed = Deed("get", "experiments", where, clone)
            if not await permitted(self._site, self._visitor, deed):
                return
            text = await computed(self._cloned, where, clone)
        ui.label("New experiment").classes("text-h5").props("role=heading aria-level=1")
        self._namespace = ui.select(
            namespaces or [where], value=where, label="Namespace", on_change=self._check
        ).props("dense outlined")
        self._editor = ui.codemirror(text, language="YAML", on_change=self._typed).classes("w-full")
        self._editor.style("height: 32rem").props('aria-label="The experiment as YAML"')
        self._problems = ui.label().classes("text-negative").props("role=alert")
        self._problems.style("white-space: pre-wrap")
        with ui.row().classes("gap-2"):
            self._button = ui.button("Create", on_click=self._create).props("no-caps")
            ui.link("Cancel", "/").classes("self-center")
        self._timer = ui.timer(PAUSE, self._check, once=True)

    def _cloned(self, namespace: str, name: str) -> str:
        found, _ = self._site.tables.find_experiment(namespace, name)
        if found is None:
            return _EXAMPLE
        spec = found.get("spec") or {}
        head: Manifest = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment"}
        return dump_yaml({**head, "metadata": {"name": f"{name}-copy"}, "spec": spec})

    def _typed(self) -> None:
        self._timer.cancel()
        self._timer = ui.timer(PAUSE, self._check, once=True)

    async def _check(self) -> None:
        """Ask whether it would be admitted."""
        document, problem = _parse(self._editor.value or "")
        if document is not None:
            try:
                namespace = str(self._namespace.value)
                await computed(self._rehearse, document, namespace)
            except KatibError as error:
                problem = str(error)
        self._problems.set_text(problem)
        self._button.set_enabled(not problem)

    def _rehearse(self, document: Manifest, namespace: str) -> None:
        self._acting.create(document, namespace, rehearse=True)

    async def _create(self) -> None:
        document, problem = _parse(self._editor.value or "")
        if document is None:
            self._problems.set_text(problem)
            return
        namespace = str(self._namespace.value)
        created = await tried(lambda: self._acting.create(document, namespace))
        if created is not None:
            metadata = created["metadata"]
            address = f"/experiment/{metadata.get('namespace')}/{metadata['name']}"
            ui.navigate.to(address)


def _parse(text: str) -> tuple[Manifest | None, str]:
    """The document, or why it is none."""
    try:
        found: Any = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        return None, f"This is no YAML: {error}"
    if not isinstance(found, dict):
        return None, "A document is expected that begins with apiVersion and kind"
    return found, ""
