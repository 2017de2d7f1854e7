"""Texts as scalars of YAML: https://yaml.org/spec/1.2.2/#73-flow-scalar-styles."""

from __future__ import annotations


def scalar(text: str) -> str:
    """A text in single quotes; where a character of it does not show, in double ones."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
