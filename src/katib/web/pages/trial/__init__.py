"""One trial, a file for each tab.

``page`` is what stands around the tabs: how the trial stands and why, and its neighbours. Tabs are
built when they are first opened, and draw what changes when they are told to.
"""

from __future__ import annotations

from katib.web.pages.trial.page import register

__all__ = ["register"]
