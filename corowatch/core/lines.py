"""What a line is, once: how its bytes become the text that patterns match and people read."""

from __future__ import annotations


def shown(line: bytes) -> str:
    """A line's bytes, its newline taken off, as text: one trailing CR stripped, an invalid byte as `\\xNN`."""
    if line.endswith(b"\r"):
        line = line[:-1]
    return line.decode("utf-8", "backslashreplace")


_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def codec_of(encoding: str, head: bytes) -> tuple[str, int]:
    """The codec of a file that begins with `head`, and the length of its byte-order mark.

    A mark decides where the encoding leaves the order of bytes open, and tells UTF-16 from the default.
    """
    for mark, codec in _BOMS:
        if head.startswith(mark) and encoding in ("utf-8", "utf-16", codec):
            return codec, len(mark)
    return ("utf-16-le" if encoding == "utf-16" else encoding), 0
