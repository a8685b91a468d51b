"""What was typed is kept by the browser until the experiment is created, whoever goes away.

The browser asks before it leaves the page. The draft lies in the storage of its tab: when the page
is loaded again, since the UI was started anew or the tab went elsewhere and came back, it is there.
While the UI is away nothing can be typed, so that nothing is typed in vain.
"""

from __future__ import annotations

import json
from contextlib import suppress

from nicegui import ui

_SCRIPT = """
window.katibDraft = {
  key: "katib-draft:" + location.pathname + location.search,
  isUnsaved: false,
  save(text) { sessionStorage.setItem(this.key, text); this.isUnsaved = true; },
  drop() { sessionStorage.removeItem(this.key); this.isUnsaved = false; },
  find() { return sessionStorage.getItem(this.key) || ""; },
  away(isAway) {
    const page = document.querySelector(".katib-create");
    if (page) page.inert = isAway;
    // The page is loaded anew when the UI is back: that is no leaving, and the draft is kept.
    if (isAway) this.isUnsaved = false;
  },
};
window.addEventListener("beforeunload", event => {
  if (window.katibDraft.isUnsaved) { event.preventDefault(); event.returnValue = ""; }
});
window.socket.on("disconnect", () => window.katibDraft.away(true));
window.socket.on("connect", () => window.katibDraft.away(false));
"""

#: How long a browser may take to answer, in seconds.
_PATIENCE = 20.0


async def begin() -> str:
    """Guard what is typed from now on; the draft that was kept before, empty for none."""
    script = f"{_SCRIPT}\nreturn window.katibDraft.find();"
    try:
        found = await ui.run_javascript(script, timeout=_PATIENCE)
    except TimeoutError:
        # It has begun all the same, and whoever types keeps what is typed.
        return ""
    return str(found or "")


def keep(text: str) -> None:
    """Have the browser keep the draft."""
    ui.run_javascript(f"window.katibDraft?.save({json.dumps(text)})")


async def drop() -> None:
    """Have the browser forget the draft; it leaves the page without asking."""
    # A browser that does not answer in time asks, and leaves all the same.
    with suppress(TimeoutError):
        await ui.run_javascript("window.katibDraft?.drop()", timeout=_PATIENCE)
