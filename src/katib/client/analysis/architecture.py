"""What a trial of an architecture search has found, as a drawing."""

from __future__ import annotations

from katib.api import codec
from katib.api.trial import TRIALS
from katib.api.values import Manifest
from katib.search.nas.drawing import drawings_of
from katib.search.nas.found import NoArchitectureError, find_network
from katib.search.nas.svg import svg_of

__all__ = ["NoArchitectureError", "draw_architecture"]


def draw_architecture(trial: Manifest) -> str:
    """The network of a trial, as SVG.

    Args:
        trial: as the API gives it.

    Raises:
        NoArchitectureError: it was given none, and has reported none.
        msgspec.ValidationError: it has another shape than a Trial.
    """
    return svg_of(drawings_of(find_network(codec.from_manifest(TRIALS, trial))))
