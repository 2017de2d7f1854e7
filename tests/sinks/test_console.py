import io
import json
import os
import sys

import pytest

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert
from corowatch.sinks.console import console

ALERT = Alert(id="1", flow="f", node="alert", title="disk\x1b[31m full", severity="error",
              at="2026-11-22T10:00:00.123456+00:00", to=("console",))


def test_text_is_one_safe_line_for_people(capsys):
    console().send((ALERT, ALERT))

    assert "2026-11-22T10:00:00Z error    disk\\x1b[31m full\n" * 2 == capsys.readouterr().out


def test_json_is_the_alert_as_every_machine_sink_gives_it(capsys):
    console(format="json").send((ALERT,))

    told = json.loads(capsys.readouterr().out)
    assert ["id", "flow", "node", "state", "title", "severity", "key", "at", "count", "fields", "host", "events",
            "before", "after"] == list(told)
    assert "disk\x1b[31m full" == told["title"]


@pytest.mark.parametrize(("title", "fields", "told"), [
    ("disk full", {"held": 1200}, "disk full (+1,200 held back)"),
    ("disk full, held: 7", {"held": 7}, "disk full, held: 7"),
    ("disk 17 full", {"held": 7}, "disk 17 full (+7 held back)"), ("disk full", {"held": "a text"}, "disk full")])
def test_how_many_were_held_back_is_told_once(capsys, title, fields, told):
    console().send((Alert(id="1", flow="f", node="n", title=title, severity="error", fields=fields,
                          at="2026-11-22T10:00:00.123456+00:00"),))

    assert f"2026-11-22T10:00:00Z error    {told}\n" == capsys.readouterr().out


def output(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding)


def written(stream):
    return stream.buffer.getvalue().decode()


def test_what_standard_output_cannot_encode_is_escaped(monkeypatch):
    monkeypatch.setattr(sys, "stdout", output("latin-1"))
    told = Alert(id="1", flow="f", node="n", title="日本", severity="error", at="2026-11-22T10:00:00.123456+00:00")

    console().send((told,))

    assert "2026-11-22T10:00:00Z error    \\u65e5\\u672c\n" == written(sys.stdout)


def test_json_is_utf_8_everywhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", output("latin-1"))
    told = Alert(id="1", flow="f", node="n", title="日本", severity="error", at="2026-11-22T10:00:00.123456+00:00")

    console(format="json").send((told,))

    assert "日本" == json.loads(written(sys.stdout))["title"]


def test_a_terminal_gets_colours(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    master, terminal = os.openpty()
    with open(master, "rb", buffering=0) as told, open(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)

        console().send((ALERT,))

        assert b"2026-11-22T10:00:00Z \x1b[31merror   \x1b[0m disk\\x1b[31m full\r\n" == told.read(1000)


def test_nobody_who_reads_is_told_as_such(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    stream = open(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)

    with pytest.raises(Undelivered, match="nobody reads standard output any more") as refused:
        console().send((ALERT,))

    assert refused.value.permanent
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # so that it can be closed
    stream.close()
