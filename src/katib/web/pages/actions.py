"""The buttons of what can be done to experiments: one that is looked at, or several chosen ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from katib.api.values import Manifest
from katib.errors import KatibError
from katib.web.acting import Acting
from katib.web.halting import Halt, words_of_names, words_of_stop
from katib.web.rights import Deed, Visitor
from katib.web.shell import asked, computed, tried
from katib.web.site import Site

#: How many more trials are proposed to an experiment that has spent its budget.
MORE_TRIALS = 10

#: The buttons: the word, the icon, and the verb of the right that is needed.
_BUTTONS = {
    "suspend": ("Suspend", "pause", "patch"),
    "resume": ("Resume", "play_arrow", "patch"),
    "stop": ("Stop", "stop", "patch"),
    "clone": ("Clone", "content_copy", "get"),
    "compare": ("Compare", "compare_arrows", "get"),
    "delete": ("Delete", "delete", "delete"),
}


class Actions:
    """The buttons of one visitor's page.

    Args:
        site: what pages share.
        visitor: whose rights decide.
        after_delete: called when all that was chosen is gone.
        has_compare: whether several can be chosen.
    """

    def __init__(
        self,
        site: Site,
        visitor: Visitor,
        after_delete: Callable[[], None],
        *,
        has_compare: bool = False,
    ) -> None:
        self._site, self._visitor, self._after_delete = site, visitor, after_delete
        self._acting = Acting(site, visitor)
        self._has_compare = has_compare
        self._chosen: Sequence[Halt] = ()
        self._buttons: dict[str, ui.button] = {}

    def build(self) -> None:
        """Make the buttons; none can be used before :meth:`show`."""
        deeds: dict[str, Callable[[], Any]] = {
            "suspend": self._suspend,
            "resume": self._resume,
            "stop": self._stop,
            "clone": self._clone,
            "compare": self._compare,
            "delete": self._delete,
        }
        with ui.row().classes("gap-2").props('role=toolbar aria-label="Actions"'):
            for name, (word, icon, _) in _BUTTONS.items():
                if name == "compare" and not self._has_compare:
                    continue
                colour = "color=negative" if name == "delete" else ""
                button = ui.button(word, icon=icon, on_click=deeds[name])
                button.props(f"outline dense no-caps {colour}").disable()
                self._buttons[name] = button

    async def show(self, chosen: Sequence[Manifest]) -> None:
        """Let those buttons be used that make sense for what is chosen.

        Args:
            chosen: experiments, as the API server has them.
        """
        self._chosen = halts = [Halt.of(one) for one in chosen]
        allowed = await computed(self._find_allowed, halts)
        fits = {
            "suspend": any(one.may_be_suspended for one in halts),
            "resume": any(one.may_be_resumed for one in halts),
            "stop": any(one.may_be_stopped for one in halts),
            "clone": len(halts) == 1,
            "compare": len(halts) > 1,
            "delete": bool(halts),
        }
        if self._chosen is not halts:
            return  # Something else was chosen meanwhile.
        for name, button in self._buttons.items():
            button.set_enabled(fits[name] and _BUTTONS[name][2] in allowed)

    def _find_allowed(self, chosen: Sequence[Halt]) -> set[str]:
        """The verbs that the visitor may do to all that is chosen."""
        try:
            return {verb for verb in ("get", "patch", "delete") if self._may(verb, chosen)}
        except KatibError:
            return set()  # Nobody answers, and the page says so.

    def _may(self, verb: str, chosen: Sequence[Halt]) -> bool:
        places = {one.namespace for one in chosen}
        may = partial(self._site.may, self._visitor)
        whole = {one for one in places if may(Deed(verb, "experiments", one))}
        single = [one for one in chosen if one.namespace not in whole]
        return all(may(Deed(verb, "experiments", one.namespace, one.name)) for one in single)

    async def _suspend(self) -> None:
        chosen = [one for one in self._chosen if one.may_be_suspended]
        done = f"Suspended {words_of_names(chosen)}; trials that run go on."
        await self._do(chosen, self._acting.suspend, done)

    async def _stop(self) -> None:
        chosen = [one for one in self._chosen if one.may_be_stopped]
        if await asked(f"Stop {words_of_names(chosen)}?", words_of_stop(chosen), "Stop"):
            await self._do(chosen, self._acting.stop, f"Stopped {words_of_names(chosen)}.")

    async def _resume(self) -> None:
        chosen = [one for one in self._chosen if one.may_be_resumed]
        able = [one for one in chosen if not one.obstacle]
        obstacles = [one.obstacle for one in chosen if one.obstacle]
        more = 0
        if obstacles or any(one.needs_budget for one in able):
            found = await _ask_for_more(able, obstacles)
            if not found:
                return
            more = found

        def resume(namespace: str, name: str) -> None:
            (one,) = (one for one in able if (one.namespace, one.name) == (namespace, name))
            self._acting.resume(namespace, name, one.trials + more if one.needs_budget else None)

        await self._do(able, resume, f"Resumed {words_of_names(able)}.")

    def _clone(self) -> None:
        (one,) = self._chosen
        self._go("/new", [("clone", one.name), ("namespace", one.namespace)])

    def _compare(self) -> None:
        told = [("experiment", f"{one.namespace}/{one.name}") for one in self._chosen]
        self._go("/compare", told)

    def _go(self, path: str, query: Sequence[tuple[str, str]]) -> None:
        ui.navigate.to(f"{path}?{urlencode(query, safe='/')}")

    async def _delete(self) -> None:
        chosen = self._chosen
        count = f"{len(chosen)} experiments" if len(chosen) > 1 else words_of_names(chosen)
        text = f"{words_of_names(chosen)}: with all trials and metrics. This cannot be undone."
        if not await asked(f"Delete {count}?", text, "Delete"):
            return

        def delete(namespace: str, name: str) -> None:
            self._acting.delete(namespace, [name])

        if await self._do(chosen, delete, f"Deleted {words_of_names(chosen)}."):
            self._after_delete()

    async def _do(
        self, chosen: Sequence[Halt], deed: Callable[[str, str], None], done: str
    ) -> bool:
        """Do it to each; whether all went well."""

        def each() -> bool:
            problems = []
            for one in chosen:
                try:
                    deed(one.namespace, one.name)
                except KatibError as error:
                    problems.append(str(error) if len(chosen) == 1 else f"{one.name}: {error}")
            if problems:
                raise KatibError("\n".join(problems))
            return True

        return bool(await tried(each, done))


async def _ask_for_more(able: Sequence[Halt], obstacles: Sequence[str]) -> int:
    """How many more trials experiments get that have spent their budget; 0 for not going on."""
    spent = [one for one in able if one.needs_budget]
    with ui.dialog() as dialog, ui.card().props('role=dialog aria-label="Resume"'):
        ui.label(f"Resume {words_of_names(able)}" if able else "It cannot go on").classes("text-h6")
        for one in obstacles:
            ui.label(f"{one}; clone it to search anew.").props("role=note")
        more = ui.number("More trials", value=MORE_TRIALS, min=1, step=1, precision=0)
        more.set_visibility(bool(spent))
        if spent:
            told = "; ".join(f"{one.name} has {one.trials} of {one.budget}" for one in spent[:5])
            ui.label(f"Trials so far: {told}.")
        with ui.row().classes("self-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(0)).props("flat no-caps")
            if able:
                ui.button("Resume", on_click=lambda: dialog.submit(int(more.value or 0))).props(
                    "no-caps"
                ).bind_enabled_from(more, "value", lambda value: bool(value and value >= 1))
    answer = await dialog
    # Whoever has left the page has taken it along.
    if not dialog.is_deleted:
        dialog.delete()
    return int(answer or 0)
