"""Globs of files: what they find now, and whether they would find a path.

As in a shell and in `glob`: `*` and `?` do not cross a slash and do not match a leading dot, `**` matches any
number of folders. Unlike in `glob`, a folder that links lead to again is not walked again: two links to `.`
would else be 2^40 paths.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TypeAlias

Part: TypeAlias = Callable[[str], bool] | None


def find(pattern: str) -> list[str]:
    """The paths that `pattern` finds now, in name order; one without wildcards is itself, there or not."""
    if not glob.has_magic(pattern):
        return [pattern]
    head, deep, _ = pattern.partition("**")
    if not deep:
        return sorted(glob.iglob(pattern))
    found: set[str] = set()
    for base in glob.iglob(os.path.dirname(head) + "/"):
        found.update(path for path in _below(base.rstrip("/")) if matches(pattern, path))
    return sorted(found)


def _below(base: str) -> Iterator[str]:
    """Every file below a folder, each folder once, whatever links lead to it."""
    seen = set()
    folders = [base]
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(folder or "/")
            entries = sorted(os.scandir(folder or "/"), key=lambda entry: entry.name)
        except OSError:
            continue  # gone, or not to be read: others may be
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        below = []
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if _is_folder(entry):
                below.append(path)
            else:
                yield path
        folders.extend(reversed(below))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def matches(pattern: str, path: str) -> bool:
    """Whether `find` would find this path, if it were there."""
    parts = _parts(pattern)
    last = len(parts) - 1
    reached = _beyond({0}, parts)
    for name in path.split("/"):
        after = set()
        for at in reached - {last + 1}:
            part = parts[at]
            if part is None and not name.startswith("."):
                after.update({at, last + 1} if at == last else {at})
            elif part is not None and part(name):
                after.add(at + 1)
        reached = _beyond(after, parts)
    return last + 1 in reached


def _beyond(reached: set[int], parts: Sequence[Part]) -> set[int]:
    """What is reached as well, for `**` may stand for no folder."""
    for at in sorted(reached):
        while at < len(parts) - 1 and parts[at] is None:
            at += 1
            reached.add(at)
    return reached


@cache
def _parts(pattern: str) -> tuple[Part, ...]:
    """What each component of a path must fulfil; None: `**`."""
    return tuple(None if part == "**" else _part(part) for part in pattern.split("/"))


def _part(part: str) -> Callable[[str], bool]:
    match = re.compile(fnmatch.translate(part)).match
    if glob.has_magic(part) and not part.startswith("."):
        return lambda name: not name.startswith(".") and match(name) is not None
    return lambda name: name == part or match(name) is not None


def fixed(pattern: str) -> tuple[str, bool]:
    """The longest folder of a glob that holds no wildcard, and whether files may lie further below."""
    folder, rest = Path(pattern).parent, 1
    while glob.has_magic(str(folder)):
        folder, rest = folder.parent, rest + 1
    return str(folder), rest > 1
