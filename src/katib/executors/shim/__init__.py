"""What Python programs of trials find first on their path: files of a pod that this machine lacks.

The folder itself is put on ``PYTHONPATH``, so it holds ``sitecustomize`` and nothing else that a
program could import by accident. ``sitecustomize`` runs in the user's interpreter, which may be an
older one without any of our packages: it uses the standard library alone and old syntax. It changes
the opening of one file and nothing else; more of a pod than a file belongs to the executors.
"""

from __future__ import annotations

from pathlib import Path

#: What is put on ``PYTHONPATH``.
FOLDER = Path(__file__).parent
