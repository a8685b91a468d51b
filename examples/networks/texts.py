"""What Katib hands to a trial: JSON in which single quotes stand for double ones."""

from __future__ import annotations

import json
from typing import Any

import torch


def read_json(option: str, text: str) -> Any:
    """What a text stands for.

    The published examples put quotes around their arguments, which a shell takes away; where there
    is no shell they are taken away here.
    """
    try:
        return json.loads(text.strip('"').replace("'", '"'))
    except ValueError as error:
        raise SystemExit(f"--{option} is no JSON with single quotes: {error}") from error


def best_device() -> torch.device:
    """A GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
