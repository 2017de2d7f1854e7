import io
import os
import subprocess
import sys

import pytest

from corowatch.terminal import coloured, unread, width


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "environment", "wanted"), [
    (Terminal(), {"TERM": "xterm"}, True), (Terminal(), {}, True), (Terminal(), {"NO_COLOR": ""}, True),
    (Terminal(), {"NO_COLOR": "1"}, False), (Terminal(), {"TERM": "dumb"}, False), (io.StringIO(), {}, False)])
def test_colours_are_for_terminals_that_have_them_and_people_who_want_them(monkeypatch, stream, environment, wanted):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert wanted == coloured(stream)


def test_a_closed_stream_has_no_colours(tmp_path):
    with (tmp_path / "x").open("w") as stream:
        pass

    assert not coloured(stream)


def test_a_terminal_is_as_wide_as_it_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "42")

    assert (42, 100) == (width(Terminal()), width(io.StringIO()))


@pytest.mark.parametrize(("environment", "told"), [
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "日本é\n".encode()),
    ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}, b"\\u65e5\\u672c\xe9\n"),
    ({"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}, b"\\u65e5\\u672c\xe9\n"),
])
def test_no_text_is_more_than_an_output_can_take(environment, told):
    code = "import sys; from corowatch.terminal import speak; speak(sys.stdout); print('\\u65e5\\u672c\\xe9')"

    done = subprocess.run([sys.executable, "-c", code], env=environment | {"PYTHONPATH": ":".join(sys.path)},
                          capture_output=True, check=False)

    assert (told, b"") == (done.stdout, done.stderr)


def test_a_pipe_that_nobody_reads_is_known_without_a_write(tmp_path):
    reader, writer = os.pipe()
    with open(writer, "w") as stream, (tmp_path / "x").open("w") as file:
        read = unread(stream)
        os.close(reader)

        assert (False, True, False, False) == (read, unread(stream), unread(file), unread(io.StringIO()))
