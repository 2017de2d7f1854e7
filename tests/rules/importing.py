"""What the tests of imports share."""

import json

from corowatch.core.config import ConfigFile
from corowatch.loading import load_texts
from corowatch.rules.importing import as_yaml
from corowatch.rules.replaying import replay


def loaded(imported, folder="/"):
    """The config that an import writes. Raises ConfigError if it is not right."""
    return load_texts([ConfigFile("made.yaml", as_yaml(imported, "a test"), str(folder))])


def alerts(imported, folder, lines, name="a.log"):
    """The alerts of a replay of lines, in their order."""
    log = folder / name
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    outcome = replay(loaded(imported, folder), [str(log)])
    assert [] == outcome.notes
    return outcome.alerts


def titles(imported, folder, lines):
    return [alert.title for alert in alerts(imported, folder, lines)]


def lost(imported):
    """What was lost, with the last part of the file's path and the line."""
    return [(f"{lost.place.file.rpartition('/')[2]}:{lost.place.line}", lost.what, lost.why) for lost in imported.lost]


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def once(argv):
    """What an imported command is: run once, for no peer asks how it ended."""
    return {"argv": argv, "once": True}
