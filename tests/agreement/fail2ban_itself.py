"""What fail2ban, as it is installed, finds in lines: run with the Python that has it.

    {"filter", "options", "lines": [[line, …], …]} on standard input ─▶ [[[number, host], …], …] on standard output

Each list of lines is looked at by a filter of its own. One that takes over a second, or over 20 ms a line of
many, finds nothing: some of its patterns backtrack without end.
"""

import json
import logging
import signal
import sys

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.filter import FileFilter

JOURNAL_AT = 1893456000.0
"""The time of a line from the journal, which has none in itself."""


class TooLong(BaseException):
    pass


def too_long(*_):
    raise TooLong


def commands_of(name, options):
    reader = FilterReader(name, "jail", dict(options), basedir="/etc/fail2ban")
    reader.read()
    reader.getOptions({})
    reader.applyAutoOptions("")
    return reader.convert()


def filter_of(commands):
    found = FileFilter(None)
    found.returnRawHost, found.checkFindTime = True, False
    for command, _, what, *values in commands:
        for value in values[0] if command == "multi-set" else values[:1]:
            if what == "addfailregex":
                found.addFailRegex(value)
            elif what == "addignoreregex":
                found.addIgnoreRegex(value)
            elif what == "prefregex":
                found.prefRegex = value
            elif what == "maxlines":
                found.setMaxLines(value)
            elif what == "datepattern":
                found.setDatePattern(value)
    return found


def hosts(filter_, lines, from_journal):
    for number, line in enumerate(lines):
        given = (("", "", line), JOURNAL_AT) if from_journal else (line,)
        for _, host, *_ in filter_.processLine(*given):
            if host is not None:
                yield [number, str(host)]


def main():
    logging.disable(logging.CRITICAL)
    job = json.load(sys.stdin)
    commands = commands_of(job["filter"], job["options"])
    from_journal = job["options"].get("logtype") == "journal"
    signal.signal(signal.SIGALRM, too_long)
    told = []
    for lines in job["lines"]:
        signal.alarm(1 + len(lines) // 50)
        try:
            told.append(list(hosts(filter_of(commands), lines, from_journal)))
        except TooLong:
            told.append([])
        finally:
            signal.alarm(0)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
