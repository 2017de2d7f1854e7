import json

from corowatch.core.events import Alert
from corowatch.sinks.console import console

ALERT = Alert(id="1", flow="f", node="alert", title="disk\x1b[31m full", severity="error",
              at="2026-11-22T10:00:00.123456+00:00", to=("console",))


def test_text_is_one_safe_line_for_people(capsys):
    console().send(ALERT)

    assert "2026-11-22T10:00:00Z error    disk\\x1b[31m full\n" == capsys.readouterr().out


def test_json_is_the_alert_as_every_machine_sink_gives_it(capsys):
    console(format="json").send(ALERT)

    told = json.loads(capsys.readouterr().out)
    assert ["id", "flow", "node", "state", "title", "severity", "key", "at", "count", "fields", "host", "events",
            "before", "after"] == list(told)
    assert "disk\x1b[31m full" == told["title"]
