import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.coroutine import finish
from corowatch.core.events import Evidence, Here
from corowatch.core.pattern import Pattern
from corowatch.core.text import Text
from corowatch.discovery import discover
from corowatch.nodes.set import set_
from corowatch.testing import Collect, line, lines, texts

PASSWORD = Pattern("password=[^& ]+")


def test_texts_become_fields():
    out = Collect()
    made = {"where": Text("{path} on {host}"), "what": Text("{status} {nothing}.")}
    node = set_(out, fields=made, here=Here(host="web1"))

    node.send(line("x", path="/a", status=503))

    assert {"path": "/a", "status": 503, "where": "/a on web1", "what": "503 ."} == out[0].fields


def test_a_text_may_name_a_field_above_it_and_its_own_old_value():
    out = Collect()
    node = set_(out, fields={"a": Text("{a}!"), "b": Text("<{a}>")})

    node.send(line("x", a="1"))

    assert {"a": "1!", "b": "<1!>"} == out[0].fields


def test_what_matches_is_masked_in_the_text_and_in_every_text_field():
    out = Collect()
    node = set_(out, fields={"copy": Text("{text}")}, redact=(PASSWORD, Pattern("eve")))

    node.send(line("eve: password=a password=b&x", user="eve", n=5, url="/?password=c"))

    assert ["***: *** ***&x"] == texts(out)
    assert {"user": "***", "n": 5, "url": "/?***", "copy": "***: *** ***&x"} == out[0].fields


def test_so_it_is_in_the_key_and_in_the_lines_that_an_alert_shows():
    out = Collect()
    past = Evidence("r", "/var/log/x", 7, 1.0, "password=a")
    event = line("x").having({}, key={"q": "password=b", "n": 1}, past=(past,))

    set_(out, redact=(PASSWORD,)).send(event)

    assert {"q": "***", "n": 1} == out[0].key
    assert (Evidence("r", "/var/log/x", 7, 1.0, "***"),) == out[0].past


def test_lines_in_which_something_was_masked_are_counted():
    out = Collect()
    node = set_(out, redact=(PASSWORD,))

    for event in lines("password=a password=b", "nothing", "password=c"):
        node.send(event)

    assert ["*** ***", "nothing", "***"] == texts(out)
    assert {"redacted": 2} == finish(node)


def test_with_nothing_to_do_it_is_refused_at_load():
    with pytest.raises(ValueError, match="^there is nothing to do; give a field, as `NAME: TEXT`, or `redact`$"):
        set_(Collect())


def test_keys_that_are_no_option_are_fields():
    config = load([ConfigFile("c.yaml", "flows:\n  a:\n    stdin:\n    set: {what: '{text}!', redact: secret}\n"
                              "    alert: {title: '{what}'}\n", "/")], discover())

    assert {"fields": {"what": Text("{text}!")}, "redact": (Pattern("secret"),)} == config.steps["a.set"].options


def test_a_number_is_masked_too_and_others_stay_numbers():
    out = Collect()
    node = set_(out, redact=(Pattern(r"\d{16}"),))

    node.send(line("x", card=4111111111111111, n=5))

    assert {"card": "***", "n": 5} == out[0].fields
