"""What admission says of the draft, asked anew after every change."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import ui

from katib.api.values import Manifest
from katib.client.backend import AwayError, Cause, RefusedError
from katib.errors import KatibError
from katib.web.acting import Acting
from katib.web.pages.create.draft import Draft
from katib.web.shell import computed

#: How long nothing must have been typed before it is checked, in seconds.
PAUSE = 0.4

#: How long it is waited before a server is asked again that has not answered, in seconds.
AGAIN = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of the draft.

    Attributes:
        problems: what is wrong with it, each at its field.
        trouble: why nothing is known; empty when something is.
        version: of the draft.
    """

    problems: Sequence[Cause] = ()
    trouble: str = ""
    version: int = -1

    @property
    def is_good(self) -> bool:
        """Whether it would be admitted."""
        return not self.problems and not self.trouble and self.version >= 0


class Checker:
    """Asks admission a moment after the last change, and tells what it says.

    Args:
        draft: what is checked.
        acting: asks in the name of the visitor.
        namespace: where the experiment goes when it does not say.
        tell: is told what was found.
    """

    def __init__(
        self, draft: Draft, acting: Acting, namespace: str, tell: Callable[[Finding], None]
    ) -> None:
        self._draft, self._acting, self._namespace = draft, acting, namespace
        self._tell = tell
        self._timer = ui.timer(PAUSE, self._check, active=False)
        draft.listen(self.ask)

    def ask(self) -> None:
        """Check it soon."""
        self._wait(PAUSE)

    async def _check(self) -> None:
        self._timer.deactivate()
        version, document = self._draft.version, self._draft.document
        if self._draft.problem:
            self._tell(Finding(trouble=self._draft.problem, version=version))
            return
        finding, is_known = await computed(self._ask, document, version)
        if version != self._draft.version:
            # It was changed meanwhile; that is waited for already.
            return
        self._tell(finding)
        if not is_known:
            self._wait(AGAIN)

    def _ask(self, document: Manifest, version: int) -> tuple[Finding, bool]:
        """What is found, and whether somebody has answered."""
        try:
            problems = self._rehearse(document)
            if problems and all(one.field.startswith("metadata.name") for one in problems):
                # A server looks at the name first, and says nothing of the rest.
                problems = [*problems, *self._rehearse(_with_good_name(document))]
        except AwayError as error:
            return Finding(trouble=f"Not checked: {error}", version=version), False
        except KatibError as error:
            return Finding([Cause("", str(error))], version=version), True
        return Finding(problems, version=version), True

    def _rehearse(self, document: Manifest) -> Sequence[Cause]:
        try:
            self._acting.create(document, self._namespace, rehearse=True)
        except RefusedError as error:
            return problems_of(error)
        return ()

    def _wait(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = ui.timer(seconds, self._check, immediate=False)


def _with_good_name(document: Manifest) -> Manifest:
    """The document under a name that is legal, and that nobody has."""
    tail = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(10))
    metadata = document.get("metadata")
    kept = metadata if isinstance(metadata, dict) else {}
    return {**document, "metadata": {**kept, "name": f"checked-{tail}"}}


def problems_of(error: RefusedError) -> Sequence[Cause]:
    """What a refusal says of each field."""
    if error.causes:
        return error.causes
    field = "metadata.name" if error.reason == "AlreadyExists" else ""
    return [Cause(field, error.message)]
