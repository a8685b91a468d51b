"""The experiment as YAML, and the parts of it that may be changed."""

from __future__ import annotations

from nicegui import ui

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.web.pages.experiment.subject import Subject
from katib.web.shell import tried

_BUDGET = (
    ("maxTrialCount", "Trials at most"),
    ("parallelTrialCount", "Trials at once"),
    ("maxFailedTrialCount", "Trials that may fail"),
)


class Document:
    """The tab of the YAML."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._shown = ""

    def build(self) -> None:
        """Make what does not change."""
        experiment = self._subject.find() or {}
        spec = experiment.get("spec") or {}
        self._inputs: dict[str, ui.number] = {}
        with ui.row().classes("items-center gap-2"):
            for field, label in _BUDGET:
                self._inputs[field] = ui.number(label, value=spec.get(field), min=0, step=1).props(
                    "dense outlined"
                )
            ui.button("Change budget", on_click=self._change).props("no-caps outline")
        self._editor = ui.codemirror("", language="YAML").props(
            'readonly aria-label="The experiment as YAML"'
        )
        self._editor.classes("w-full").style("height: 40rem")
        self._editor.disable()

    async def draw(self) -> None:
        """Show what there is now."""
        experiment = self._subject.find()
        if experiment is None:
            return
        text = dump_yaml(_without_noise(experiment))
        if text != self._shown:
            self._shown = text
            self._editor.set_value(text)

    async def _change(self) -> None:
        counts = {
            field: None if one.value is None else int(one.value)
            for field, one in self._inputs.items()
        }
        changes: Manifest = {"spec": {field: n for field, n in counts.items() if n is not None}}
        subject = self._subject
        await tried(
            lambda: subject.acting.change(subject.namespace, subject.name, changes),
            "The budget is changed",
        )


def _without_noise(experiment: Manifest) -> Manifest:
    metadata = {
        name: value for name, value in experiment["metadata"].items() if name != "managedFields"
    }
    head = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment"}
    return {**head, **experiment, "metadata": metadata}
