"""A page of NiceGUI with a word on it, for ui.py to compare with: ``ui_empty.py PORT``."""

from __future__ import annotations

import sys

from nicegui import ui


@ui.page("/")
def empty() -> None:
    ui.label("Nothing else is here.")


if __name__ == "__main__":
    ui.run(port=int(sys.argv[1]), show=False, reload=False, show_welcome_message=False)
