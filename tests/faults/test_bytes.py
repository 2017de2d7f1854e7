"""Bytes: what is a line and what is none, whatever stands in it and wherever a read ends."""

import codecs
import itertools

import pytest

from .judge import alerts
from .process import until

CORPUS = [
    b"plain", b"", b"crlf\r", b"two crs\r\r", b"cr\rinside", b"nul\0inside", b"nul at the end\0",
    "Grüße aus Köln €".encode(), "\U0001f600 beyond the plane".encode(),
    b"invalid \xff\xfe\xc3( and \xe2\x82 cut", b"surrogate \xed\xa0\x80\xed\xb0\x80 alone", b"overlong \xc0\xaf",
    b"\xef\xbb\xbfmark inside", b"tab\tand\x1b[31mescape", b"last",
]
WIDE = ["plain", "", "crlf\r", "Grüße €", "\U0001f600 beyond", "\u010a\u0a0a\u0a00\u000d\u0d0a 0A inside units",
        "nul\0", "\u0a0d\u2028\u0085 ends?", "last"]


def shown(raw):
    """The text of a line's bytes: one carriage return is taken off, what is no UTF-8 is escaped."""
    return raw.removesuffix(b"\r").decode("utf-8", "backslashreplace")


def texts(area, name):
    return [one["events"][-1]["text"] for one in alerts(area.folder, "all")
            if one["events"][-1]["file"].rpartition("/")[2] == name]


def every_line(area, paths, more=""):
    """The text of a config that alerts on each line, whatever it is."""
    return (f"flows:\n  all:\n    tail: {area.tail(paths, more)}\n    alert: {{to: out, title: x}}\n"
            f"sinks:\n  out: {{file: {area.folder}/alerts.jsonl}}\n")


def fed_in_two(area, pieces, figures, encoding=""):
    """Write each file's first part, let it be read, write the rest; `pieces` maps names to (first, rest, lines)."""
    for name, (first, _, _) in pieces.items():
        (area.logs / name).write_bytes(first)
    daemon = area.run(every_line(area, "LOGS/*.log", f"encoding: {encoding}" if encoding else "")).start()
    for n in range(2):  # what was there before the first of these was looked at before the second is told
        with open(area.logs / "probe.log", "ab", buffering=0) as out:
            out.write(f"probe {n}\n".encode(encoding or "utf-8"))
        until(lambda n=n: n + 1 == len(texts(area, "probe.log")), 20, daemon.said)
    for name, (_, rest, _) in pieces.items():
        with open(area.logs / name, "ab", buffering=0) as out:
            out.write(rest)
    lines = sum(len(lines) for _, _, lines in pieces.values())
    until(lambda: len(alerts(area.folder, "all")) >= lines + 2, 60, lambda: (lines, len(alerts(area.folder, "all"))))
    assert 0 == daemon.stop()
    wrong = {name: (lines, texts(area, name)) for name, (_, _, lines) in pieces.items() if lines != texts(area, name)}
    figures(cuts=len(pieces), L=0 if not wrong else "?", D=0 if not wrong else "?", B=daemon.bytes_lost("all.tail"))
    assert {} == wrong


def test_t33_every_kind_of_byte_cut_everywhere(area, scale, figures):
    """NULs, invalid UTF-8, lone surrogates, carriage returns: each line's text is exact, wherever a read ends."""
    data = b"\n".join(CORPUS) + b"\n"
    lines = [shown(raw) for raw in CORPUS]
    cuts = range(0, len(data), scale.pick(3, 1))
    fed_in_two(area, {f"{at}.log": (data[:at], data[at:], lines) for at in cuts}, figures)


@pytest.mark.parametrize(("encoding", "mark", "codec"), [
    ("", codecs.BOM_UTF16_LE, "utf-16-le"), ("", codecs.BOM_UTF16_BE, "utf-16-be"), ("", codecs.BOM_UTF8, "utf-8"),
    ("utf-16-le", b"", "utf-16-le"), ("utf-16-be", b"", "utf-16-be"),
], ids=["le-mark", "be-mark", "utf8-mark", "le", "be"])
def test_t33b_wide_characters_cut_everywhere(area, scale, figures, encoding, mark, codec):
    """UTF-16, with a mark or declared: a 0x0A inside a character ends no line, and a read may end inside one."""
    data = mark + "".join(f"{text}\n" for text in WIDE).encode(codec)
    lines = [text.removesuffix("\r") for text in WIDE]
    first = 0 if not mark else len(mark)
    cuts = itertools.chain(range(first, len(data), scale.pick(7, 1)), range(first, 8))
    fed_in_two(area, {f"{at}.log": (data[:at], data[at:], lines) for at in cuts}, figures, encoding)


def test_t33c_a_mark_cut_in_its_middle(area, figures):
    """The first read ends inside the byte-order mark."""
    pieces = {}
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
                        (codecs.BOM_UTF8, "utf-8")):
        data = mark + "".join(f"{text}\n" for text in WIDE).encode(codec)
        lines = [text.removesuffix("\r") for text in WIDE]
        pieces |= {f"{codec}-{at}.log": (data[:at], data[at:], lines) for at in range(1, len(mark))}
    fed_in_two(area, pieces, figures)


def test_t34_what_ends_no_line(area, figures):
    """Characters at which Python's splitlines would split, and a carriage return: they stand inside one line."""
    pieces = {}
    for n, separator in enumerate("\v\f\x1c\x1d\x1e\x85\u2028\u2029\r"):
        lines = [f"before{separator}after", f"next{separator}", separator]
        pieces[f"{n}.log"] = (b"", "".join(f"{text}\n" for text in lines).encode(),
                              [text.removesuffix("\r") for text in lines])
    fed_in_two(area, pieces, figures)
