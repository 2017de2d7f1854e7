import pytest

from corowatch.core.addresses import (
    apprise_url,
    header_name,
    mailbox,
    match,
    secrets_of,
    server,
    tells_secret,
    unit_name,
    url,
)


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


@pytest.mark.parametrize(("path", "said", "told"), [
    ("/hooks/S3CRETTOKEN/", "no such hook: /hooks/S3CRETTOKEN", "no such hook: /…"),
    ("/services/T000/XXXX", "unknown: services/T000/XXXX", "unknown: …"), ("/s3crt", "no /s3crt here", "no … here"),
    ("/x?token=S3CRETTOKEN", "bad token S3CRETTOKEN", "bad token …"),
    ("/a%20S3CRETTOKEN", "no 'a S3CRETTOKEN'", "no '…'"), ("/e", "never", "never"), ("", "no", "no")])
def test_what_of_an_address_must_not_be_told(path, said, told):
    assert told == secrets_of(url(f"https://hooks.example.org{path}")).sub("…", said)
    assert "bad login …" == secrets_of(url("https://u:hunter2hunter2@h/")).sub("…", "bad login hunter2hunter2")


@pytest.mark.parametrize(("address", "tells"), [
    ("https://example.org/services/T0/XXXXXXXXXXXXXXXX", True), ("https://example.org/?key=XXXXXXXXXXXXXXXX", True),
    ("https://u:p@example.org/", True), ("http://localhost:8080/api/v1/alerts", False),
    ("https://u@example.org", False)])
def test_an_address_tells_a_secret_if_it_holds_a_token_or_a_password(address, tells):
    assert tells is tells_secret(url(address))
