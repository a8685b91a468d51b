"""Where tables begin that say nothing of themselves.

They are those of Kubeflow's Katib, and of this one before it had migrations.
"""

from __future__ import annotations

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: they are there."""
