"""What holds for every unit test."""

from __future__ import annotations

import os

# As the engine loads them: two threads on small matrices wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
