from corowatch.core.events import BUILT_IN, Alert, Event, Here, Origin

HERE = Here("flow", "node", "web1", {"r": "flow.tail"})
EVENT = Event(Origin("r", "life", "/var/log/a.log"), 7, 1_795_600_000.5, "the line", {"ip": "192.0.2.7"})


def test_every_event_has_its_own_fields_and_the_built_in_ones():
    assert {"text": "the line", "at": "2026-11-25T09:46:40.500000+00:00", "source": "flow.tail",
            "file": "/var/log/a.log", "offset": 7, "host": "web1", "flow": "flow",
            } == {name: HERE.value(EVENT, name) for name in BUILT_IN}
    assert ["192.0.2.7", None] == [HERE.value(EVENT, "ip"), HERE.value(EVENT, "user")]


def test_a_reader_that_is_no_longer_known_has_the_name_of_the_flows_first():
    assert ["flow.tail", "other"] == [HERE.source("gone"), Here().source("other")]


def test_an_event_with_nothing_new_is_itself():
    assert EVENT.having({}) is EVENT


def test_fields_that_are_given_away_are_added_to_those_that_an_event_has_and_not_copied_where_it_has_none():
    given = {"user": "bob"}

    assert {"ip": "192.0.2.7", "user": "bob"} == EVENT.taking(given).fields
    assert {"ip": "192.0.2.7"} == EVENT.fields
    assert given is Event(EVENT.origin, 7, 1.0, "the line").taking(given).fields


def test_all_else_of_an_event_stays_when_it_takes_fields():
    event = Event(EVENT.origin, 7, 1.0, "the line", {}, {"ip": "192.0.2.7"}, (EVENT.evidence(),), 2.0, 3, "firing")

    assert event.having({"user": "bob"}) == event.taking({"user": "bob"})


def test_a_sinks_texts_may_name_what_the_alert_holds_its_own_keys_first():
    alert = Alert(id="1", flow="f", node="alert", title="t", severity="error", at="now", count=5,
                  fields={"ip": "192.0.2.7", "title": "another"}, events=[{"text": "one"}, {"text": "two"}])

    values = alert.values()

    assert ["192.0.2.7", "t", "two", 5] == [values[name] for name in ("ip", "title", "text", "count")]
    assert "fields" not in values


def test_a_deadline_is_when_an_event_is_sent():
    assert [EVENT.at, 9.0] == [EVENT.when, EVENT.having({}, tick=9.0).when]
