"""Architectures of layers with skip connections, and the texts that stand for them.

An architecture has one row for each layer. The row of layer i, from 0 on, is the number of its
operation and i bits that say what it takes beside its predecessor's output: bit 0 stands for the
network's input, bit k for the output of layer k - 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from katib.api.experiment import GraphConfig
from katib.search.nas.operations import Choice

Architecture = tuple[tuple[int, ...], ...]


def quoted(value: object) -> str:
    """JSON that can stand between double quotes on a command line: its own quotes are single.

    Trials turn all single quotes back. An apostrophe within a text is written as an escape, so
    that it comes back as what it was.
    """
    return json.dumps(value).replace("'", "\\u0027").replace('"', "'")


def unquoted(text: str) -> Any:
    """What a text of :func:`quoted` stands for.

    Raises:
        ValueError: it is no such text.
    """
    return json.loads(text.replace("'", '"'))


def text_of(architecture: Architecture) -> str:
    """The assignment ``architecture``, as ``[[3], [0, 1]]``."""
    return quoted(architecture)


def architecture_of(text: str, layers: int, operations: int) -> Architecture:
    """The architecture that a text stands for.

    Raises:
        ValueError: it stands for none of that many layers and operations.
    """
    try:
        rows = msgspec.convert(unquoted(text), Architecture)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(f"{text} is no architecture: {error}") from error
    is_whole = [len(row) for row in rows] == list(range(1, layers + 1))
    if not is_whole or not all(_is_legal(row, operations) for row in rows):
        raise ValueError(f"{text} is no architecture of {layers} layers, {operations} operations")
    return rows


def network_text(architecture: Architecture, graph: GraphConfig, choices: Sequence[Choice]) -> str:
    """The assignment ``nn_config``: sizes, and what the operations' numbers stand for.

    Only operations that the architecture has are named.
    """
    embedding: Mapping[int, object] = {
        row[0]: {
            "opt_id": row[0],
            "opt_type": choices[row[0]].type,
            "opt_params": dict(choices[row[0]].arguments),
        }
        for row in architecture
    }
    return quoted(
        {
            "num_layers": len(architecture),
            "input_sizes": list(graph.input_sizes),
            "output_sizes": list(graph.output_sizes),
            "embedding": embedding,
        }
    )


def _is_legal(row: Sequence[int], operations: int) -> bool:
    return 0 <= row[0] < operations and all(bit in (0, 1) for bit in row[1:])
