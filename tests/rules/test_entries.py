"""Entries of the journal out of a file."""

import gzip
import json
import struct

import pytest

from corowatch.rules.entries import is_journal
from corowatch.rules.replaying import replay

T = 1_772_438_400
TEXT = ("flows: {a: {journal: {units: ['ssh*.service', cron.service], match: [PRIORITY=3, PRIORITY=4]}, grep: x, "
        "alert: {title: '{_SYSTEMD_UNIT} {text}', before: 2}}}")


def entry(at, message, unit="ssh.service", priority="3"):
    return {"__CURSOR": f"c{at}", "__REALTIME_TIMESTAMP": str((T + at) * 1_000_000), "MESSAGE": message,
            "_SYSTEMD_UNIT": unit, "PRIORITY": priority}


ENTRIES = [entry(0, "x 0"), entry(1, "x 1", "other.service"), entry(2, "x 2", priority="6"), entry(3, "no"),
           entry(4, "x 4", "ssh@1.service", "4"), entry(5, "x 5", "cron.service")]


def exported(entries):
    return b"".join(b"".join(f"{name}={value}\n".encode() for name, value in one.items()) + b"\n" for one in entries)


def as_json(entries):
    return b"".join(json.dumps(one).encode() + b"\n" for one in entries)


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("written", [exported, as_json])
def test_an_export_gives_the_entries_that_the_source_asks_for(config, tmp_path, written, packed):
    (tmp_path / "journal").write_bytes(packed(written(ENTRIES)))

    outcome = replay(config(TEXT), [str(tmp_path / "journal")])

    assert (["ssh.service x 0", "ssh@1.service x 4", "cron.service x 5"], []) == (
        [alert.title for alert in outcome.alerts], outcome.notes)
    assert ["2026-03-02T08:00:00", "2026-03-02T08:00:04"] == [alert.at[:19] for alert in outcome.alerts[:2]]
    assert [[], ["x 0", "no"], ["no", "x 4"]] == [alert.before for alert in outcome.alerts]


def test_several_exports_are_merged_by_time(config, tmp_path):
    (tmp_path / "one").write_bytes(exported(ENTRIES[::2]))
    (tmp_path / "two").write_bytes(as_json(ENTRIES[1::2]))

    outcome = replay(config(TEXT), [str(tmp_path / "two"), str(tmp_path / "one")])

    assert ["x 0", "x 4", "x 5"] == [alert.events[0]["text"] for alert in outcome.alerts]


def test_a_binary_field_is_read_by_its_length(config, tmp_path):
    message = b"x a\nb\xff"
    data = exported([entry(0, "no")])[:-1] + b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n"
    (tmp_path / "journal").write_bytes(data.replace(b"MESSAGE=no\n", b""))

    (alert,) = replay(config(TEXT), [str(tmp_path / "journal")]).alerts

    assert "x a\nb\\xff" == alert.events[0]["text"]


def test_a_field_that_is_there_twice_has_both_values(config, tmp_path):
    (tmp_path / "journal").write_bytes(exported([entry(0, "x")])[:-1] + b"MESSAGE=y\n\n")

    assert "x, y" == replay(config(TEXT), [str(tmp_path / "journal")]).alerts[0].events[0]["text"]


@pytest.mark.parametrize(("behind", "why"), [
    (b"MESSAGE\n" + struct.pack("<Q", 99) + b"x", "it breaks off in an entry"),
    (b"MESSAGE\n" + struct.pack("<Q", 1 << 40) + b"x", "a field has 1,099,511,627,776 bytes"),
    (b"MESSAGE=x\n\n", "an entry does not tell its time"),
    (b'{"__REALTIME_TIMESTAMP": "1', "an entry is no JSON"),
])
def test_what_is_damaged_is_told_and_what_was_before_counts(config, tmp_path, behind, why):
    (tmp_path / "journal").write_bytes(exported([entry(0, "x")]) + behind)

    outcome = replay(config(TEXT), [str(tmp_path / "journal")])

    assert 1 == len(outcome.alerts)
    assert [True] == [why in note for note in outcome.notes]


def test_an_export_is_told_by_how_it_begins():
    assert [True, True, False, False] == [is_journal(data) for data in (
        exported(ENTRIES), as_json(ENTRIES), b'{"level": "info"}\n', b"Mar  2 08:00:00 x\n")]
