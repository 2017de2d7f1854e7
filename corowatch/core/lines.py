"""What a line is, once: how its bytes become the text that patterns match and people read."""

from __future__ import annotations

import stringzilla


def count_of(data: bytes | memoryview) -> int:
    """How many lines the data hold; one at the end without a newline counts. Seven times as fast as `bytes.count`."""
    newlines: int = stringzilla.count(data, b"\n")
    return newlines + (data[-1:] not in (b"\n", b""))


def shown(line: bytes) -> str:
    """A line's bytes, its newline taken off, as text: one trailing CR stripped, an invalid byte as `\\xNN`."""
    if line[-1:] == b"\r":  # half the price of `endswith`
        line = line[:-1]
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("utf-8", "backslashreplace")


def all_shown(lines: bytes) -> str:
    """Several lines as text, the last newline taken off: each as it is shown."""
    if b"\r" not in lines:
        return lines.decode("utf-8", "backslashreplace")
    return "\n".join(map(shown, lines.split(b"\n")))


def is_utf8(data: bytes) -> bool:
    """Whether the data are valid UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# Longest first: that of UTF-32 begins with that of UTF-16.
_BOMS = ((b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"), (b"\xef\xbb\xbf", "utf-8"),
         (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def is_part_of_mark(head: bytes) -> bool:
    """Whether a file that holds no more than this yet may begin with a byte-order mark."""
    return len(head) < 4 and any(mark.startswith(head) for mark, _ in _BOMS if mark[:1] != b"\0")


def codec_of(encoding: str, head: bytes) -> tuple[str, int]:
    """The codec of a file that begins with `head`, and the length of its byte-order mark.

    A mark decides where the encoding leaves the order of bytes open, and tells UTF-16 from the default.
    """
    for mark, codec in _BOMS:
        open_ = encoding == codec or codec.startswith(encoding) or (encoding == "utf-8" and "32" not in codec)
        if head.startswith(mark) and open_:
            return codec, len(mark)
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding), 0
