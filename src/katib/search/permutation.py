"""An order of very many things, made from a seed without writing it down."""

from __future__ import annotations

import hashlib

_ROUNDS = 6


class Permutation:
    """Shuffles the numbers below ``size``: each comes once, at a place that the seed says.

    A Feistel network over the bits of the number; what falls beyond ``size`` goes through again
    until it falls within (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). So any
    number is found directly, and nothing is kept, however many there are.

    Args:
        size: how many numbers, at least 1.
        seed: each has an order of its own.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._seed = size, seed
        self._half = max(1, ((size - 1).bit_length() + 1) // 2)
        self._mask = (1 << self._half) - 1

    def __getitem__(self, index: int) -> int:
        """The number at a place.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= index < self._size:
            raise IndexError(f"{index} is not below {self._size}")
        number = self._mix(index)
        while number >= self._size:
            number = self._mix(number)
        return number

    def _mix(self, number: int) -> int:
        left, right = number >> self._half, number & self._mask
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._hash(turn, right)
        return left << self._half | right

    def _hash(self, turn: int, number: int) -> int:
        text = f"{self._seed}:{turn}:{number}".encode()
        length = (self._half + 7) // 8
        return int.from_bytes(hashlib.shake_128(text).digest(length)) & self._mask
