"""What a visitor does to experiments: their rights are asked for, then the API server."""

from __future__ import annotations

from collections.abc import Sequence

from katib.api.names import ANNOTATION_STOP, ANNOTATION_SUSPEND
from katib.api.values import Manifest
from katib.client.requests import path_of
from katib.errors import KatibError
from katib.web.rights import Deed, Visitor
from katib.web.site import Site

_MERGE = "application/merge-patch+json"


class Acting:
    """The deeds of one visitor. Each may be called from any thread.

    Args:
        site: whom to ask.
        visitor: who does it.
    """

    def __init__(self, site: Site, visitor: Visitor) -> None:
        self._site, self._visitor = site, visitor

    def create(self, document: Manifest, namespace: str, *, rehearse: bool = False) -> Manifest:
        """Create an experiment; what the server made of it.

        Args:
            document: the experiment.
            namespace: where, when it does not say.
            rehearse: only see whether it would be admitted.

        Raises:
            KatibError: it is not, or the visitor may not; the text says everything.
        """
        where = str((document.get("metadata") or {}).get("namespace") or namespace)
        self._check("create", where)
        query = {"fieldValidation": "Strict", **({"dryRun": "All"} if rehearse else {})}
        return self._site.backend.ask("POST", path_of("experiments", where, query=query), document)

    def delete(self, namespace: str, names: Sequence[str]) -> None:
        """Delete experiments, each for itself.

        Raises:
            KatibError: some could not be deleted; the text says why.
        """
        problems = []
        for name in names:
            try:
                self._check("delete", namespace, name)
                body = {"propagationPolicy": "Background"}
                self._site.backend.ask("DELETE", path_of("experiments", namespace, name), body)
            except KatibError as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise KatibError("\n".join(problems))

    def change(self, namespace: str, name: str, changes: Manifest) -> None:
        """Change fields of an experiment.

        Args:
            namespace: where.
            name: of it.
            changes: as a JSON merge patch.

        Raises:
            KatibError: it is refused, or the visitor may not.
        """
        self._check("patch", namespace, name)
        path = path_of("experiments", namespace, name)
        self._site.backend.ask("PATCH", path, changes, _MERGE)

    def suspend(self, namespace: str, name: str) -> None:
        """Let an experiment make no new trials for now; raises as :meth:`change`."""
        self._annotate(namespace, name, {ANNOTATION_SUSPEND: "true"})

    def stop(self, namespace: str, name: str) -> None:
        """Let an experiment end with the trials it has; raises as :meth:`change`."""
        self._annotate(namespace, name, {ANNOTATION_STOP: "true"})

    def resume(self, namespace: str, name: str, budget: int | None = None) -> None:
        """Let an experiment go on; raises as :meth:`change`.

        Args:
            namespace: where.
            name: of it.
            budget: its most trials from now on; ``None`` to leave that as it is.
        """
        taken = {ANNOTATION_SUSPEND: None, ANNOTATION_STOP: None}
        changes: Manifest = {"metadata": {"annotations": taken}}
        if budget is not None:
            changes["spec"] = {"maxTrialCount": budget}
        self.change(namespace, name, changes)

    def _annotate(self, namespace: str, name: str, annotations: Manifest) -> None:
        self.change(namespace, name, {"metadata": {"annotations": annotations}})

    def _check(self, verb: str, namespace: str, name: str = "") -> None:
        self._site.rights.check(self._visitor, Deed(verb, "experiments", namespace, name))
