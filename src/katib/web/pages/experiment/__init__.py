"""One experiment, a file for each tab.

``page`` is what stands around the tabs. Each tab is a class that is built once, into the panel that
is open, and draws what changes when it is told to.
"""

from __future__ import annotations

from katib.web.pages.experiment.page import register

__all__ = ["register"]
