"""Globs of files: what they find now, and whether they would find a path.

As in a shell and in `glob`: `*` and `?` do not cross a slash and do not match a leading dot, `**` matches any
number of folders. Unlike in `glob`, a folder that links lead to again is not walked again: two links to `.`
would else be 2^40 paths.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def find(pattern: str) -> list[str]:
    """The paths that `pattern` finds now, in name order; one without wildcards is itself, there or not."""
    if not glob.has_magic(pattern):
        return [pattern]
    head, deep, _ = pattern.partition("**")
    if not deep:
        return sorted(glob.iglob(pattern))
    wanted = regex(pattern)
    found: set[str] = set()
    for base in glob.iglob(os.path.dirname(head) + "/"):
        found.update(path for path in _below(base.rstrip("/")) if wanted.fullmatch(path))
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


@cache
def regex(pattern: str) -> re.Pattern[str]:
    """A glob as the regular expression that matches the whole paths that it finds."""
    parts = pattern.split("/")
    told = [r"(?:(?!\.)[^/]+/)*" if part == "**" and at < len(parts) - 1 else
            _part(part) + ("/" if at < len(parts) - 1 else "") for at, part in enumerate(parts)]
    return re.compile("".join(told), re.DOTALL)


def _part(part: str) -> str:
    """One component of a path."""
    if part == "**":
        return r"(?:(?!\.)[^/]+/)*(?!\.)[^/]+"
    pieces = re.findall(r"\*+|\?|\[!?\]?[^\]]*\]|[^*?\[]+|\[", part)
    told = "".join("[^/]*" if piece[0] == "*" else "[^/]" if piece == "?" else
                   _choice(piece) if piece[0] == "[" and len(piece) > 1 else re.escape(piece) for piece in pieces)
    return (r"(?!\.)" if part[:1] in ("*", "?", "[") else "") + told


def _choice(piece: str) -> str:
    """`[…]` or `[!…]`."""
    inside = piece[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside.replace('^', chr(92) + '^', 1)}]"


def fixed(pattern: str) -> tuple[str, bool]:
    """The longest folder of a glob that holds no wildcard, and whether files may lie further below."""
    folder, rest = Path(pattern).parent, 1
    while glob.has_magic(str(folder)):
        folder, rest = folder.parent, rest + 1
    return str(folder), rest > 1
