"""Where kinds come from: the modules of `nodes/`, `sinks/` and `sources/`, and the entry points `corowatch.nodes`,
`corowatch.sinks` and `corowatch.sources` of other packages.

    discover()   all of them, for who lists them
    at_hand()    the same, each imported when a config names it: to import all takes a third of the way to READY

Source: https://packaging.python.org/en/latest/specifications/entry-points/.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from corowatch.core.kinds import Broken, Kind, Kinds, Role
from corowatch.core.values import type_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint  # loaded only where another package offers something

FOLDERS: Mapping[Role, str] = {"source": "sources", "node": "nodes", "sink": "sinks"}


class Shelf(Mapping[str, Kind]):
    """Our own kinds of a role, by name: each is imported when it is asked for, from the module of its name."""

    def __init__(self, role: Role) -> None:
        self._package = f"corowatch.{FOLDERS[role]}"
        self._taken: dict[str, Kind | None] = {}

    @cached_property
    def _modules(self) -> list[str]:
        return [module.name for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__)]

    def _take(self, name: str) -> Kind | None:
        """The kind in a module; None if it is one that others use."""
        if name not in self._taken:
            kinds = vars(importlib.import_module(f"{self._package}.{name}")).values()
            self._taken[name] = next((kind for kind in kinds if isinstance(kind, Kind) and kind.name == name), None)
        return self._taken[name]

    def __getitem__(self, name: str) -> Kind:
        kind = self._take(name) if name in self._modules else None
        if kind is None:
            raise KeyError(name)
        return kind

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._modules if self._take(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def at_hand() -> Kinds:
    """Every kind, imported when it is asked for; all at once where other packages may offer some."""
    return discover() if others_offer() else Kinds(Shelf("source"), Shelf("node"), Shelf("sink"))


def others_offer() -> bool:
    """Whether another package may offer a kind: `importlib.metadata` takes 40 ms to say so, and mostly none does.

    It is asked itself where more than folders is to be looked through.
    """
    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        return True
    return any(map(_may_offer, sys.path))


def _may_offer(path: str) -> bool:
    """Whether a place in `sys.path` may hold a package that says it offers kinds."""
    try:
        told = [entry.path for entry in os.scandir(path or ".") if entry.name.lower().endswith("-info")]
    except FileNotFoundError:
        return False
    except OSError:  # a zip, or what cannot be read
        return True
    return any(b"[corowatch." in _read(f"{info}/entry_points.txt") for info in told)


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


@cache
def discover() -> Kinds:
    """Every kind of the package and of the installed plug-ins; those that cannot be used stand in `broken`."""
    from importlib.metadata import entry_points

    kinds = Kinds()
    offered = entry_points()
    for role, folder in FOLDERS.items():
        for kind in Shelf(role).values():
            kinds.add(kind)
        for entry in offered.select(group=f"corowatch.{folder}"):
            try:
                kinds.add(_offered(entry))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - one that is broken must not break the others
                whose = entry.dist.name if entry.dist else "?"
                kinds.broken.append(Broken(f"{entry.group}: {entry.name}", whose, f"{type(error).__name__}: {error}"))
    return kinds


def _offered(entry: EntryPoint) -> Kind:
    """The kind behind an entry point, its whole signature read. Raises whatever is wrong with it."""
    kind = entry.load()
    if not isinstance(kind, Kind):
        raise TypeError(f"{entry.value} is no kind; it needs @node, @sink or @source")
    for option in kind.options.values():
        try:
            type_name(option.hint)
        except KeyError:
            raise TypeError(f"the option {option.name!r} has a type that no config can give: {option.hint}") from None
    return kind
