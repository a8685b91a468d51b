"""What stands around every page: the bar above it, messages, and how pages follow what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from nicegui import ui
from starlette.requests import Request

from katib.errors import KatibError
from katib.web.dress import SCRIPT, STYLE
from katib.web.guarding import visitor_of
from katib.web.rights import Deed, Visitor
from katib.web.site import Site

P = ParamSpec("P")
T = TypeVar("T")

#: How often a page looks whether there is news, in seconds.
LOOK_EVERY = 0.2

#: How often it is asked whether the visitor still may see a page, in seconds.
ASK_EVERY = 30.0

#: How long the page may take, in seconds: of many namespaces each may have to be asked for.
LONGEST_BUILD = 30.0

#: The cookie of the colours that a browser wants.
_THEME = "katib-theme"
_THEMES = {"light": False, "dark": True}


@contextmanager
def frame(
    site: Site, request: Request, title: str, *, trail: Sequence[tuple[str, str]] = ()
) -> Iterator[Visitor]:
    """Everything around a page; the page itself is what is made inside.

    Args:
        site: what pages share.
        request: by which the page is asked for.
        title: of the page, as the browser shows it.
        trail: names and addresses of the pages above it.
    """
    ui.page_title(f"{title} · Katib")
    ui.add_css(STYLE)
    ui.add_head_html(SCRIPT)
    ui.colors(primary="#1a5fb4", secondary="#455a64", accent="#7b1fa2")
    theme = request.cookies.get(_THEME, "")
    dark = ui.dark_mode(_THEMES.get(theme))
    ui.html('<a class="katib-skip" href="#main">Skip to the content</a>', sanitize=False)
    with ui.header(elevated=False, wrap=False).classes("items-center gap-2 q-py-xs"):
        ui.link("Katib", "/").classes("text-white text-h6 no-underline")
        with (
            ui.row(wrap=False)
            .classes("items-center gap-1 katib-trail")
            .props('role=navigation aria-label="You are here"')
        ):
            for name, address in trail:
                ui.label("/").classes("text-white").props("aria-hidden=true")
                ui.link(name, address).classes("text-white")
        ui.space()
        ui.link("New experiment", "/new").classes("text-white text-no-wrap")
        _theme_button(dark, theme)
    with ui.column().classes("katib-main gap-3").props("id=main tabindex=-1"):
        yield visitor_of(request.scope)


def _theme_button(dark: ui.dark_mode, theme: str) -> None:
    order = ("auto", "light", "dark")
    icons = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}
    now = theme if theme in order else "auto"

    def turn() -> None:
        nonlocal now
        now = order[(order.index(now) + 1) % len(order)]
        dark.set_value(_THEMES.get(now))
        button.props(f'icon={icons[now]} aria-label="Colours: {now}"')
        ui.run_javascript(
            f"document.cookie='{_THEME}={now};path=/;max-age=31536000;samesite=strict'"
        )

    button = ui.button(icon=icons[now], on_click=turn).props(
        f'flat round color=white aria-label="Colours: {now}"'
    )


def follow(version: Callable[[], object], draw: Callable[[], Awaitable[None] | None]) -> None:
    """Draw now, and again after every change, for as long as the page is open.

    Args:
        version: asked often, and so must be quick; another answer is a change.
        draw: draws what changes.
    """
    seen: object = object()
    is_drawing = False

    async def look() -> None:
        nonlocal seen, is_drawing
        found = version()
        if is_drawing or found == seen:
            return
        is_drawing = True
        try:
            drawn = draw()
            if drawn is not None:
                await drawn
            seen = found
        finally:
            is_drawing = False

    ui.timer(LOOK_EVERY, look)


async def computed(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What a function gives that would hold up the other browsers: it works in a thread."""
    return await asyncio.to_thread(function, *args, **named)


async def tried(deed: Callable[[], T], done: str = "") -> T | None:
    """Do it, and tell the user how it went; ``None`` when it did not.

    Args:
        deed: done in a thread; it checks the user's rights first.
        done: what is said when it went well.
    """
    try:
        result = await computed(deed)
    except KatibError as error:
        ui.notify(str(error), type="negative", multi_line=True, close_button="OK", timeout=0)
        return None
    if done:
        ui.notify(done, type="positive")
    return result


async def permitted(site: Site, visitor: Visitor, deed: Deed) -> bool:
    """Whether the visitor may do it; if not, the page says so.

    It is asked again as long as the page is open, which begins anew when the answer is another.
    """
    is_permitted = True
    try:
        await computed(site.rights.check, visitor, deed)
    except KatibError as error:
        ui.label(str(error)).classes("text-negative").props("role=alert")
        is_permitted = False

    async def ask_again() -> None:
        with suppress(KatibError):  # Nobody answers, which takes no right away and gives none.
            if await computed(site.may, visitor, deed) != is_permitted:
                ui.navigate.reload()

    ui.timer(ASK_EVERY, ask_again)
    return is_permitted


async def asked(question: str, text: str, yes: str) -> bool:
    """Whether the user says yes to a question."""
    with ui.dialog().props("role=alertdialog") as dialog, ui.card():
        ui.label(question).classes("text-h6")
        ui.label(text)
        with ui.row().classes("self-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat autofocus")
            ui.button(yes, color="negative", on_click=lambda: dialog.submit(True))
    dialog.props["aria-label"] = question
    answer = await dialog
    # Whoever has left the page has taken it along.
    if not dialog.is_deleted:
        dialog.delete()
    return bool(answer)
