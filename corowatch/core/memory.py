"""Memory: what a node must still know after a crash, a reload or kill -9.

A mapping from string to plain data (what JSON can hold). Values are replaced, never mutated, so that
every change is seen; the changed keys are written together with the file positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Memory(MutableMapping[str, T]):
    """A mapping that knows which of its keys changed since they were last written."""

    def __init__(self, saved: Mapping[str, T] | None = None) -> None:
        self._data: dict[str, T] = dict(saved or {})
        self._dirty: set[str] = set()

    def proved(self, hint: Any) -> Memory[Any]:
        """The same, with values of that type. Raises ValueError where one is not: nobody of us wrote it."""
        return Memory({key: msgspec.convert(value, hint) for key, value in self._data.items()})

    def __getitem__(self, key: str) -> T:
        return self._data[key]

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key, or `default`. The mixin's raises and catches KeyError for that."""
        return self._data.get(key, default)

    def __setitem__(self, key: str, value: T) -> None:
        self._data[key] = value
        self._dirty.add(key)

    def __delitem__(self, key: str) -> None:
        del self._data[key]
        self._dirty.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def shelf(self, name: str) -> MutableMapping[str, T]:
        """A part of this Memory, for a node that keeps two things: what is put there changes this one."""
        return _Shelf(self, f"{name}/")

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return bool(self._dirty)

    def changes(self) -> Iterator[tuple[str, T | None]]:
        """Each changed key with its present value, None if it is gone. Does not forget them."""
        for key in self._dirty:
            yield key, self._data.get(key)

    def written(self) -> None:
        """The changes are durable now."""
        self._dirty.clear()


class _Shelf(MutableMapping[str, T]):
    """The values whose keys begin with a name, without it."""

    def __init__(self, memory: Memory[T], name: str) -> None:
        self._memory = memory
        self._name = name
        self._keys = {key.removeprefix(name): None for key in memory if key.startswith(name)}

    def __getitem__(self, key: str) -> T:
        return self._memory[self._name + key]

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key, or `default`."""
        return self._memory.get(self._name + key, default)

    def __setitem__(self, key: str, value: T) -> None:
        self._memory[self._name + key] = value
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._memory[self._name + key]
        del self._keys[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
