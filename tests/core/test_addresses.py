import pytest

from corowatch.core.addresses import apprise_url, header_name, mailbox, match, server, unit_name, url


@pytest.mark.parametrize(("read", "text"), [
    (url, "https://hooks.example.org/T0?x=1"), (url, "http://[::1]:8080/"), (apprise_url, "ntfy://topic"),
    (header_name, "X-Title"), (mailbox, "ops@example.org"), (mailbox, "Ops <ops@example.org>"),
    (server, "localhost"), (server, "smtp.example.org:587"), (server, "[::1]:25"), (unit_name, "ssh.service"),
    (unit_name, "postgresql@*"), (match, "PRIORITY=3"), (match, "_COMM=a b"),
])
def test_what_is_right_is_itself(read, text):
    assert text == read(text)


@pytest.mark.parametrize(("read", "text", "why"), [
    (url, "hooks.example.org", "'hooks.example.org' is no address of a web server; write https://HOST/PATH"),
    (url, "file:///etc/passwd", "'file:///etc/passwd' is no address of a web server; write https://HOST/PATH"),
    (url, "https:///x", "'https:///x' is no address of a web server; write https://HOST/PATH"),
    (apprise_url, "slack", "'slack' is none of Apprise's URLs; write SERVICE://…, such as ntfy://TOPIC"),
    (header_name, "a b", "'a b' is no name of a header; it is made of letters, digits and '-'"),
    (header_name, "a\r\nb", "'a\\r\\nb' is no name of a header; it is made of letters, digits and '-'"),
    (mailbox, "ops", "'ops' is no address of mail; write ops@example.org or 'Ops <ops@example.org>'"),
    (mailbox, "ops@example.org\r\nBcc: x@y",
     "'ops@example.org\\r\\nBcc: x@y' is no address of mail; write ops@example.org or 'Ops <ops@example.org>'"),
    (server, "smtp:", "'smtp:' is no server; write HOST or HOST:PORT"),
    (server, "smtp:70000", "'smtp:70000' is no server; write HOST or HOST:PORT"),
    (unit_name, "--vacuum-time=1s", "'--vacuum-time=1s' is no name of a unit; write ssh.service, or 'postgresql@*'"),
    (match, "--file=/x", "'--file=/x' is no match of the journal; write FIELD=value, such as PRIORITY=3"),
])
def test_what_is_not_is_told_with_the_cure(read, text, why):
    with pytest.raises(ValueError) as refused:
        read(text)

    assert why == str(refused.value)
