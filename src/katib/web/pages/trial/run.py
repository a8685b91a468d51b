"""What a trial runs: its manifest, its pods, and what happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from katib.api import names
from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.client.requests import core_path
from katib.errors import KatibError
from katib.web.listing import heading, small_table
from katib.web.pages.trial.subject import Subject
from katib.web.rights import Deed
from katib.web.shell import computed

_PODS = (
    ("name", "Pod"),
    ("phase", "Phase"),
    ("node", "Node"),
    ("restarts", "Restarts"),
    ("reason", "Why"),
)


class Run:
    """The tab of what runs."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        heading("Pods")
        self._problem = ui.label().props("role=status")
        self._pods = small_table(_PODS, "No pods: it runs on this machine, or they are gone.")
        heading("Manifest")
        self._manifest = ui.code("", language="yaml").classes("w-full")

    async def draw(self) -> None:
        """Ask for the pods and the manifest anew."""
        try:
            self._pods.rows = await computed(self._list_pods)
            whole = await computed(self._subject.read)
        except KatibError as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        run = (whole.get("spec") or {}).get("runSpec") or {}
        self._manifest.set_content(dump_yaml(run))

    def _list_pods(self) -> list[dict[str, Any]]:
        subject = self._subject
        subject.site.rights.check(subject.visitor, Deed("list", "pods", subject.namespace))
        query = {"labelSelector": f"{names.LABEL_TRIAL}={subject.name}"}
        answer = subject.site.backend.ask("GET", core_path("pods", subject.namespace, query=query))
        return [pod_row(one) for one in answer.get("items") or ()]


class Document:
    """The tab of the trial as YAML."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def build(self) -> None:
        """Make what does not change."""
        self._problem = ui.label().props("role=status")
        self._yaml = ui.code("", language="yaml").classes("w-full")

    async def draw(self) -> None:
        """Ask for the trial anew."""
        try:
            whole = await computed(self._subject.read)
        except KatibError as error:
            self._problem.set_text(str(error))
            return
        self._problem.set_text("")
        self._yaml.set_content(dump_yaml(whole))


def pod_row(pod: Manifest) -> dict[str, Any]:
    """What is shown of a pod; why it waits or has ended, where its containers tell it."""
    status: Manifest = pod.get("status") or {}
    containers: Sequence[Manifest] = status.get("containerStatuses") or ()
    reasons = [str(status.get("reason") or ""), *(_reason(one) for one in containers)]
    return {
        "name": pod["metadata"]["name"],
        "phase": status.get("phase") or "",
        "node": (pod.get("spec") or {}).get("nodeName") or "",
        "restarts": sum(int(one.get("restartCount") or 0) for one in containers),
        "reason": "; ".join(dict.fromkeys(one for one in reasons if one)),
    }


def _reason(container: Manifest) -> str:
    state: Manifest = container.get("state") or {}
    for kind in ("waiting", "terminated"):
        found = state.get(kind) or {}
        if found:
            code = found.get("exitCode")
            ended = "" if code is None else f", exit code {code}"
            message = f": {found['message']}" if found.get("message") else ""
            return f"{container.get('name')} {found.get('reason') or kind}{ended}{message}"
    return ""
