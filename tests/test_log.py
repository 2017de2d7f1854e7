import io
import json
import os

import pytest
import structlog

from corowatch.log import in_journal, log, set_up

EVIL = "\x1b[31mred\x9b2J\nforged\r\u202e"
ESCAPED = r"\x1b[31mred\x9b2J\nforged\r\u202e"


@pytest.fixture(autouse=True)
def set_up_again():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def journal(tmp_path, monkeypatch):
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        yield stream


def written(stream):
    stream.flush()
    stream.seek(0)
    return stream.read()


def trouble():
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        return error


# --- three readers ----------------------------------------------------------------------------------


def test_text_of_a_log_cannot_write_to_the_terminal(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    set_up(stream)

    log.info("line", text=EVIL, nested={EVIL: [EVIL]})

    assert 1 == stream.getvalue().count("\n")
    assert not set(stream.getvalue()) & set("\x1b\x9b\r\u202e")
    assert "forged" in stream.getvalue()


def test_a_file_or_pipe_gets_json_a_line_each():
    stream = io.StringIO()
    set_up(stream)

    log.warning("line", text=EVIL, count=3, none=None, **{"k\x1b": "v"})

    told, = map(json.loads, stream.getvalue().splitlines())
    assert ESCAPED == told["text"]
    assert ("line", "warning", 3, None, "v") == (told["event"], told["level"], told["count"], told["none"],
                                                 told[r"k\x1b"])
    assert told["timestamp"].endswith("Z")


def test_every_line_in_the_journal_begins_with_its_level(journal):
    set_up(journal)

    log.info("one", text=EVIL)
    log.warning("two")
    log.error("three", exc_info=trouble())

    lines = written(journal).splitlines()
    assert "<6>event=one" == lines[0].split()[0]
    assert "<4>event=two" == lines[1]
    assert len(lines) > 4
    assert ["<3>"] * len(lines[2:]) == [line[:3] for line in lines[2:]]
    assert not set(written(journal)) & set("\x1b\x9b\r\u202e")


def test_what_is_nested_is_json_in_the_journal(journal):
    set_up(journal)

    log.info("summary", nodes={"a.alert": {"alerts": 2}})

    assert '<6>event=summary nodes="{\\"a.alert\\": {\\"alerts\\": 2}}"' == written(journal).rstrip("\n")


def test_a_traceback_keeps_its_lines_and_each_is_made_safe():
    stream = io.StringIO()
    set_up(stream)

    log.error("failed", exc_info=trouble())

    trace = json.loads(stream.getvalue())["exception"]
    assert trace.startswith("Traceback (most recent call last):\n")
    assert r"ValueError: \x1b[31mred\x9b2J" in trace
    assert not set(trace) & set("\x1b\x9b\r\u202e")


def test_what_is_below_the_level_is_not_told():
    stream = io.StringIO()
    set_up(stream)

    log.debug("nothing")

    assert "" == stream.getvalue()


# --- a reader that is gone --------------------------------------------------------------------------


def test_a_closed_stream_raises_nothing(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        set_up(stream)

    log.error("nobody hears this")

    assert "" == (tmp_path / "log").read_text()


def test_a_full_disk_raises_nothing():
    with open("/dev/full", "w", buffering=1) as stream:
        set_up(stream)

        log.error("nobody hears this")

        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # so that it can be closed


def test_the_journal_is_known_by_its_device_and_inode(journal, tmp_path):
    with (tmp_path / "other").open("w") as other:
        assert (True, False, False) == (in_journal(journal), in_journal(other), in_journal(io.StringIO()))
