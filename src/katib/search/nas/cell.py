"""One step of a long short-term memory without biases, forwards and backwards.

S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997), with the
forget gate of F. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget" (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from katib.search.history import Floats


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came from and came to; every array has the size of the state.

    Attributes:
        seen: the input and the state before, one after the other.
        memory_before: the memory cell before.
        gates: input, forget and output gate, and new content. (4, hidden)
        memory: the memory cell after.
        squeezed: tanh of it.
        state: the state after.
    """

    seen: Floats
    memory_before: Floats
    gates: Floats
    memory: Floats
    squeezed: Floats
    state: Floats


def step(lstm: Floats, given: Floats, state: Floats, memory: Floats) -> Step:
    """The step that an input makes from a state and a memory cell."""
    seen = np.concatenate((given, state))
    gates = (seen @ lstm).reshape(4, -1)
    gates[:3] = sigmoid(gates[:3])
    gates[3] = np.tanh(gates[3])
    after = gates[1] * memory + gates[0] * gates[3]
    squeezed = np.tanh(after)
    return Step(seen, memory, gates, after, squeezed, gates[2] * squeezed)


def step_back(one: Step, state: Floats, memory: Floats) -> tuple[Floats, Floats]:
    """From the gradients after a step, of state and memory, to those of its gates and memory.

    The gradients of the gates, before their squeezing, are one row: those of the weights and of
    what was seen follow by one product each.
    """
    opened, kept, shown, new = one.gates
    memory = memory + state * shown * (1 - one.squeezed**2)
    gates = np.concatenate(
        (
            memory * new * opened * (1 - opened),
            memory * one.memory_before * kept * (1 - kept),
            state * one.squeezed * shown * (1 - shown),
            memory * opened * (1 - new**2),
        )
    )
    return gates, memory * kept


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def log_sigmoid(logits: Floats) -> Floats:
    """The logarithm of :func:`sigmoid`, finite for every finite logit."""
    return -np.logaddexp(0.0, -logits)
