"""Property tests draw the same examples each time: a failure is one that the next run has, too."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")
