"""Choices out of raw bytes: the same bytes, the same choices; bytes that are missing are zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draw:
    """Takes choices from the front of `data`; `rest()` is what is left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """0 to 255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def number(self, most: int) -> int:
        """0 to `most`, of two bytes."""
        return (self.byte() << 8 | self.byte()) % (most + 1)

    def one_of(self, choices: Sequence[Item]) -> Item:
        return choices[self.byte() % len(choices)]

    def rest(self) -> bytes:
        left, self._at = self._data[self._at:], len(self._data)
        return left
