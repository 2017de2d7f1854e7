"""What tests gave, as JUnit's XML, which every CI server shows. Source: the schema of Jenkins' xUnit plugin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from corowatch.rules.testing import Outcome

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no place for."""


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """One document, UTF-8."""
    failed = sum(not outcome.passed for outcome in outcomes)
    root = Element("testsuites", tests=str(len(outcomes)), failures=str(failed))
    for name in dict.fromkeys(outcome.suite.name for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.suite.name == name]
        suite = SubElement(root, "testsuite", name=_text(name), tests=str(len(own)),
                           failures=str(sum(not outcome.passed for outcome in own)),
                           time=f"{sum(outcome.seconds for outcome in own):.3f}")
        for outcome in own:
            place = outcome.placed.place
            case = SubElement(suite, "testcase", name=_text(outcome.placed.case.called), classname=_text(name),
                              file=_text(place.file), line=str(place.line), time=f"{outcome.seconds:.3f}")
            for told in outcome.told():
                SubElement(case, "failure", message=_text(told.partition("\n")[0])).text = _text(told)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
